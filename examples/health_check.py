"""Ask how the agent is."""

from synapse_sdk.clients.agent import AgentClient

client = AgentClient()

health = client.health_check()
print(f"Agent: {health['status']}")
