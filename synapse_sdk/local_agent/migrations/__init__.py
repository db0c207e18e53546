"""The schema of the records' database: from any revision to the newest, by Alembic."""

import threading
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from synapse_sdk._version import __version__

HEAD = "0003"

_FOLDER = Path(__file__).parent
_VERSIONS = sa.table("alembic_version", sa.column("version_num"))
_POSTGRESQL_LOCK = 0x73796E61707365  # any number that no other program takes: "synapse"
_ALEMBIC = threading.Lock()  # Alembic's `op` and `context` are one for all threads


class NewerSchemaError(SQLAlchemyError):
    """The database is at a revision that this version of the agent does not know. It was left as it is."""


def is_current(connection: Connection) -> bool:
    """Return whether the schema is at the newest revision. Takes no lock, and does without importing Alembic."""
    return _revisions(connection) == {HEAD}


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring the schema to a revision, within the connection's transaction, which must be one that writes.

    Another agent that does the same at the same time is waited for. The tables of an agent from before there were
    revisions are taken for the first one.

    Args:
        connection: The connection, in its transaction.
        revision: The revision to go up to; by default the newest.

    Raises:
        NewerSchemaError: If the database is at a revision that is not known here.
    """
    # It takes a fifth of a second, which a start with a database that is current can do without.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_POSTGRESQL_LOCK)))
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if unknown := _revisions(connection) - known:
        raise NewerSchemaError(
            f"The database is at revision {', '.join(sorted(unknown))}, and synapse-sdk {__version__} knows none after "
            f"{max(known)}: a newer version has used it. Take that version or a newer one, or another database."
        )
    with _ALEMBIC:
        command.upgrade(config, revision)


def _revisions(connection: Connection) -> set[str]:
    if not sa.inspect(connection).has_table(_VERSIONS.name):
        return set()
    return set(connection.execute(sa.select(_VERSIONS.c.version_num)).scalars())
