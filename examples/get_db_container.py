"""Get a record by its number: get_db_container.py NUMBER."""

import sys

from synapse_sdk.clients.agent import AgentClient

client = AgentClient()

container = client.get_container(int(sys.argv[1]))
print(f"Record {container['id']}: {container['plugin_release']} - {container['status']}")
