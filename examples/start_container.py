"""Start a Docker container that was stopped or has ended: start_container.py CONTAINER_ID."""

import sys

from synapse_sdk.clients.agent import AgentClient

client = AgentClient()

container = client.start_docker_container(sys.argv[1])
print(f"Status: {container['status']}")
