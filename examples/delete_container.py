"""Stop and remove a Docker container: delete_container.py CONTAINER_ID."""

import sys

from synapse_sdk.clients.agent import AgentClient

client = AgentClient()

client.delete_docker_container(sys.argv[1])
