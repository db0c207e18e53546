"""What Alembic runs to migrate: on the connection that it was given, in the transaction that is begun there."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
