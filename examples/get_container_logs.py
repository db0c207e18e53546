"""Print what a Docker container has written last: get_container_logs.py CONTAINER_ID."""

import sys

from synapse_sdk.clients.agent import AgentClient

client = AgentClient()

print(client.get_docker_container_logs(sys.argv[1], tail=20), end="")
