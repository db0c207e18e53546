"""Write a status into a record: update_container.py NUMBER STATUS."""

import sys

from synapse_sdk.clients.agent import AgentClient

client = AgentClient()

updated = client.update_container(int(sys.argv[1]), status=sys.argv[2])
print(f"Record {updated['id']}: {updated['status']}")
