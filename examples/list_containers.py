"""List the Docker containers on the agent's host."""

from synapse_sdk.clients.agent import AgentClient

client = AgentClient()  # SYNAPSE_AGENT_URL and SYNAPSE_AGENT_TOKEN say where and who

containers = client.list_docker_containers()
for container in containers:
    print(f"Container: {container['id']} - {container['status']}")
