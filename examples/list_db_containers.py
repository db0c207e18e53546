"""List the agent's records of containers that run, from all pages."""

from synapse_sdk.clients.agent import AgentClient

client = AgentClient()

containers, total = client.list_containers(params={"status": "running"}, list_all=True)
for container in containers:
    print(f"Record {container['id']}: {container['plugin_release']} - {container['status']}")
print(f"Total: {total}")
