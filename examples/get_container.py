"""Get a Docker container: get_container.py CONTAINER_ID."""

import sys

from synapse_sdk.clients.agent import AgentClient

client = AgentClient()

container = client.get_docker_container(sys.argv[1])
print(f"Status: {container['status']}")
