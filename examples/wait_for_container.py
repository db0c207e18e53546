"""Wait until a Docker container has a status: wait_for_container.py CONTAINER_ID STATUS."""

import sys

from synapse_sdk.clients.agent import AgentClient
from synapse_sdk.exceptions import ContainerEndedError

client = AgentClient()

try:
    container = client.wait_for_container(sys.argv[1], sys.argv[2], timeout=60)
    print(f"Status: {container['status']}")
except ContainerEndedError as error:
    print(f"Ended: {error.container['status']}")
