"""The records of containers, in a database."""

import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import QueuePool

from synapse_sdk.local_agent import migrations
from synapse_sdk.local_agent.errors import InvalidError, NotFoundError, field_error
from synapse_sdk.local_agent.times import utc_now

UNAVAILABLE = (InterfaceError, InternalError, OperationalError, PoolTimeoutError)
"""The errors of a database that cannot serve now: gone, full, locked, or read-only, which PostgreSQL calls internal."""

_LARGEST_ID = 2**63 - 1
_LARGEST_INTEGER = 2**31 - 1
_LOCK_TIMEOUT = 15.0
_CONNECTIONS = 16

_metadata = sa.MetaData()
_containers = sa.Table(
    "containers",
    _metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("docker_id", sa.String(64), unique=True),
    sa.Column("plugin_release", sa.Text, nullable=False, index=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("status_reason", sa.Text),
    sa.Column("exit_code", sa.Integer),
    sa.Column("ended_at", sa.String(27)),
    sa.Column("endpoint", sa.Text),
    sa.Column("host_port", sa.Integer),
    sa.Column("params", sa.JSON, nullable=False),
    sa.Column("metadata", sa.JSON, nullable=False),
    sa.Column("created_at", sa.String(27), nullable=False),
    sa.Column("updated_at", sa.String(27), nullable=False),
    sa.Column("owner", sa.Text, index=True),
    # The usual index of PostgreSQL takes no long text, and clients may write one.
    sa.Index("ix_containers_status", "status", postgresql_using="hash"),
    sqlite_autoincrement=True,  # the number of a deleted record never becomes another's
)
_labels = sa.Table(
    "container_labels",
    _metadata,
    sa.Column("container_id", sa.ForeignKey(_containers.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("label", sa.Text, nullable=False),
    sa.Index("ix_container_labels_label", "label", postgresql_using="hash"),
)


@dataclass(frozen=True)
class Record:
    """A record as it was when it was read.

    Attributes:
        id: Its number.
        docker_id: The id of its container, once there is one.
        plugin_release: The plugin release.
        status: What the container is doing, or what a client has written.
        status_reason: Why the status is what it is, where the agent has something to say.
        exit_code: What the container's program ended with, negative for a signal.
        ended_at: When that program ended, in ISO 8601 and UTC.
        endpoint: The URL on which the program answers, while it does.
        host_port: The port of that URL.
        params: The parameters that it was created with.
        metadata: The metadata that it was created with.
        labels: The labels that it was created with.
        created_at: When it was made, in the same form.
        updated_at: When it was last written, in the same form.
        owner: The agent that answers for the container, while there is one.
    """

    id: int
    docker_id: str | None
    plugin_release: str
    status: str
    status_reason: str | None
    exit_code: int | None
    ended_at: str | None
    endpoint: str | None
    host_port: int | None
    params: dict[str, Any]
    metadata: dict[str, Any]
    labels: list[str]
    created_at: str
    updated_at: str
    owner: str | None

    def as_json(self) -> dict[str, Any]:
        """Return it as the contract's `Container`."""
        fields = asdict(self)
        del fields["owner"]
        return fields


Change = Callable[[Record], Mapping[str, Any]]
"""Decides, from a record as it is, which of its fields to write."""


class Records:
    """The records of a database. Safe to use from many threads, and by many processes on one database.

    A database that is empty, or was made by an older version, is migrated.

    Args:
        url: The database, as a SQLAlchemy URL.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: If the database cannot be used; `migrations.NewerSchemaError`, if it was made by
            a newer version.
        ImportError: If the database's driver is not installed.
    """

    def __init__(self, url: str | sa.URL) -> None:
        self._engine = _connect(sa.make_url(url))
        try:
            with self._reading() as connection:
                current = migrations.is_current(connection)
            if not current:
                with self._writing() as connection:
                    migrations.upgrade(connection)
        except BaseException:
            self._engine.dispose()
            raise

    @property
    def name(self) -> str:
        """The kind of database, such as `sqlite` or `postgresql`."""
        return self._engine.dialect.name

    def check(self) -> None:
        """Read a little of the database.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: If it cannot be read; `orig` is the driver's own error.
        """
        with self._reading() as connection:
            connection.execute(sa.select(_containers.c.id).limit(1))

    def close(self) -> None:
        """Close the database's connections."""
        self._engine.dispose()

    def create(self, *, labels: Sequence[str] = (), **fields: Any) -> Record:
        """Make a record and return it.

        Args:
            labels: Its labels.
            fields: Its other fields, as `Record` names them, without `id` and the times.
        """
        now = utc_now()
        with self._writing() as connection:
            values = {"created_at": now, "updated_at": now, **_storable(fields)}
            key = connection.execute(_containers.insert().values(values)).inserted_primary_key
            record_id = int(key[0]) if key else 0
            if labels:
                rows = [
                    {"container_id": record_id, "position": position, "label": label}
                    for position, label in enumerate(labels)
                ]
                connection.execute(_labels.insert(), rows)
            return _one(connection, _containers.c.id == record_id)

    def get(self, record_id: int) -> Record:
        """Return a record by its number.

        Raises:
            NotFoundError: If there is none.
        """
        with self._reading() as connection:
            return _one(connection, _has_id(record_id), f"There is no record {record_id}.")

    def change(self, record_id: int, change: Change) -> Record:
        """Change a record and return it as it is now. Nobody else can write it between the reading and the writing.

        Raises:
            NotFoundError: If there is none.
        """
        with self._writing() as connection:
            found = _one(connection, _has_id(record_id), f"There is no record {record_id}.", lock=True)
            _write(connection, found, change(found))
            return _one(connection, _has_id(record_id))

    def change_all(self, change: Change, **equal: str) -> None:
        """Change every record whose fields have the given values; `change` returns nothing for one to leave alone."""
        where = [_containers.c[name] == value for name, value in equal.items()]
        with self._writing() as connection:
            for record in _all(connection, *where, lock=True):
                _write(connection, record, change(record))

    def delete(self, record_id: int) -> Record:
        """Delete a record and return it as it was.

        Raises:
            NotFoundError: If there is none.
        """
        with self._writing() as connection:
            found = _one(connection, _has_id(record_id), f"There is no record {record_id}.", lock=True)
            connection.execute(_containers.delete().where(_has_id(record_id)))
            return found

    def page(self, filters: Sequence[tuple[str, str]], number: int, size: int) -> tuple[int, list[Record]]:
        """Return how many records match all filters, and those of one page of them, the newest first.

        Raises:
            InvalidError: If a filter names a field that cannot be compared.
            NotFoundError: If there is no such page. There always is a first one.
        """
        where = [condition(name, value) for name, value in filters]
        with self._reading() as connection:
            count = connection.execute(sa.select(sa.func.count()).select_from(_containers).where(*where)).scalar_one()
            if number > 1 and (number - 1) * size >= count:
                raise NotFoundError("Invalid page.")
            return count, _all(connection, *where, limit=size, offset=(number - 1) * size)

    def find(self, **equal: str) -> list[Record]:
        """Return every record whose fields have the given values, the newest first."""
        where = [_containers.c[name] == value for name, value in equal.items()]
        with self._reading() as connection:
            return _all(connection, *where)

    def numbers(self, docker_ids: Sequence[str]) -> dict[str, int]:
        """Return the numbers of the records of these containers, by the containers' ids."""
        query = sa.select(_containers.c.docker_id, _containers.c.id).where(_containers.c.docker_id.in_(docker_ids))
        with self._reading() as connection:
            return {row.docker_id: row.id for row in connection.execute(query)}

    def owners(self) -> list[str]:
        """Return the agents that answer for a container, each once."""
        owner = _containers.c.owner
        with self._reading() as connection:
            return list(connection.execute(sa.select(owner).distinct().where(owner.is_not(None))).scalars())

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        options = _READS.get(self.name, {})
        with self._engine.connect().execution_options(**options) as connection, connection.begin():
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._engine.connect().execution_options(**{_WRITES: True}) as connection, connection.begin():
            yield connection


def condition(name: str, value: str) -> sa.ColumnElement[bool]:
    """Return the condition of one filter: equality with the field of that name, membership for labels.

    A name that records do not have, or a value that the field cannot have, matches nothing. The id of a container may
    be a short one.

    Raises:
        InvalidError: If the field is one that cannot be compared.
    """
    if name in ("params", "metadata"):
        raise InvalidError([field_error("filter", ["query", name], f"records cannot be filtered by {name}", value)])
    if name in ("label", "labels"):
        labelled = sa.select(_labels.c.container_id).where(_labels.c.label == value)
        return _containers.c.id.in_(labelled)
    if name not in _containers.c or name == "owner":
        return sa.false()
    column = _containers.c[name]
    if isinstance(column.type, sa.Integer):
        largest = _LARGEST_ID if isinstance(column.type, sa.BigInteger) else _LARGEST_INTEGER
        number = re.fullmatch(r"-?[0-9]{1,19}", value)
        return column == int(value) if number and abs(int(value)) <= largest else sa.false()
    if name == "docker_id" and re.fullmatch("[0-9a-f]{12,63}", value):
        return column.startswith(value)
    return column == value


_WRITES = "synapse_writes"

# What is read in several statements must be of one moment, as it always is on SQLite.
_READS: Mapping[str, Mapping[str, Any]] = {"postgresql": {"isolation_level": "REPEATABLE READ"}}


def _connect(url: sa.URL) -> sa.Engine:
    backend = url.get_backend_name()
    if backend == "sqlite":
        return _connect_sqlite(url)
    if url.drivername == "postgresql+psycopg":
        # A server that has gone without a word is found out; what the URL says goes first.
        url = url.set(query={"connect_timeout": "5", "tcp_user_timeout": "10000", **url.query})
    try:
        engine = sa.create_engine(url, pool_pre_ping=True, pool_size=_CONNECTIONS, max_overflow=0)
    except ModuleNotFoundError as error:
        if error.name != "psycopg":
            raise
        message = "A PostgreSQL database needs psycopg: pip install 'synapse-sdk[postgres]'"
        raise ImportError(message, name=error.name) from error
    if backend == "postgresql":
        sa.event.listen(engine, "connect", _prepare_postgresql)
    return engine


class _PostgreSQL(Protocol):
    autocommit: bool

    def cursor(self) -> Any: ...


def _prepare_postgresql(connection: _PostgreSQL, _: object) -> None:
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = {_LOCK_TIMEOUT * 1000:.0f}")
    connection.autocommit = False


def _connect_sqlite(url: sa.URL) -> sa.Engine:
    memory = url.database in (None, "", ":memory:")
    engine = sa.create_engine(
        url,
        poolclass=QueuePool,
        pool_size=1 if memory else _CONNECTIONS,  # each connection to memory is a database of its own
        max_overflow=0,
        # What the URL says goes first.
        connect_args={"check_same_thread": False} | ({} if "timeout" in url.query else {"timeout": _LOCK_TIMEOUT}),
    )
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


class _SQLite(Protocol):
    isolation_level: str | None

    def execute(self, statement: str, /) -> object: ...


def _prepare_sqlite(connection: _SQLite, _: object) -> None:
    connection.isolation_level = None  # the driver would begin transactions later than `_begin_sqlite` does
    _write_ahead(connection)
    for pragma in ("synchronous = NORMAL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _write_ahead(connection: _SQLite) -> None:
    """Have the file's journal be a write-ahead log. Of two that ask for it first, SQLite lets one fail at once."""
    deadline = time.monotonic() + _LOCK_TIMEOUT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and asks to write later fails when another has written meanwhile.
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _has_id(record_id: int) -> sa.ColumnElement[bool]:
    return _containers.c.id == record_id if record_id <= _LARGEST_ID else sa.false()


def _one(connection: Connection, where: sa.ColumnElement[bool], missing: str = "", *, lock: bool = False) -> Record:
    found = _all(connection, where, lock=lock)
    if not found:
        raise NotFoundError(missing)
    return found[0]


def _all(
    connection: Connection,
    *where: sa.ColumnElement[bool],
    lock: bool = False,
    limit: int | None = None,
    offset: int = 0,
) -> list[Record]:
    query = sa.select(_containers).where(*where).order_by(_containers.c.id.desc()).limit(limit).offset(offset)
    rows = connection.execute(query.with_for_update() if lock else query).mappings().all()
    labels: dict[int, list[str]] = {row["id"]: [] for row in rows}
    labelled = (
        sa.select(_labels.c.container_id, _labels.c.label)
        .where(_labels.c.container_id.in_(labels))
        .order_by(_labels.c.position)
    )
    for record_id, label in connection.execute(labelled):
        labels[record_id].append(label)
    return [Record(**row, labels=labels[row["id"]]) for row in rows]


def _write(connection: Connection, record: Record, values: Mapping[str, Any]) -> None:
    if values:
        change = _containers.update().where(_containers.c.id == record.id)
        connection.execute(change.values({**_storable(values), "updated_at": utc_now()}))


def _storable(values: Mapping[str, Any]) -> dict[str, Any]:
    """Replace NUL characters, which PostgreSQL has in no text, and a program may have written into a reason."""
    return {name: value.replace("\0", "\ufffd") if isinstance(value, str) else value for name, value in values.items()}
