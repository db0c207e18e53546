"""Delete a record, and stop its container: delete_db_container.py NUMBER."""

import sys

from synapse_sdk.clients.agent import AgentClient

client = AgentClient()

client.delete_container(int(sys.argv[1]))
