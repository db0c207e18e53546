"""Build and run a Docker container for a plugin release."""

from synapse_sdk.clients.agent import AgentClient

client = AgentClient()

container = client.create_docker_container(
    plugin_release="my_plugin@1.0.0",
    params={"input": "data"},
    envs={"DEBUG": "true"},
    metadata={"created_by": "automation"},
    labels=["production", "ml-model"],
)

print(f"Container ID: {container['id']}")
