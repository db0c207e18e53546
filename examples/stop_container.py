"""Stop a Docker container, which stays: stop_container.py CONTAINER_ID."""

import sys

from synapse_sdk.clients.agent import AgentClient

client = AgentClient()

container = client.stop_docker_container(sys.argv[1])
print(f"Status: {container['status']}")
