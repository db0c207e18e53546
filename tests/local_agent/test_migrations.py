"""The schema: what it was, that it becomes what it is now, and that nothing is lost on the way."""

import logging
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from synapse_sdk.local_agent import migrations, records
from synapse_sdk.local_agent.command_line import main
from synapse_sdk.local_agent.records import Records

REVISIONS = ("0001", "0002", "0003")

# What agents made before there were revisions.
before = sa.MetaData()
sa.Table(
    "containers",
    before,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("docker_id", sa.String(64), unique=True),
    sa.Column("plugin_release", sa.Text, nullable=False, index=True),
    sa.Column("status", sa.Text, nullable=False, index=True),
    sa.Column("status_reason", sa.Text),
    sa.Column("exit_code", sa.Integer),
    sa.Column("endpoint", sa.Text),
    sa.Column("host_port", sa.Integer),
    sa.Column("params", sa.JSON, nullable=False),
    sa.Column("metadata", sa.JSON, nullable=False),
    sa.Column("created_at", sa.String(27), nullable=False),
    sa.Column("updated_at", sa.String(27), nullable=False),
    sa.Column("owner", sa.Text, index=True),
    sqlite_autoincrement=True,
)
sa.Table(
    "container_labels",
    before,
    sa.Column("container_id", sa.ForeignKey("containers.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("label", sa.Text, nullable=False, index=True),
)

NOW = "2026-02-17T09:30:00.120000Z"
ROWS: dict[str, list[dict[str, Any]]] = {
    "containers": [
        {
            "id": number,
            "docker_id": str(number) * 64,
            "plugin_release": "é@1",
            "status": "running",
            "status_reason": None,
            "exit_code": -9,
            "endpoint": "http://x",
            "host_port": 4000,
            "params": {"a": [1, None, "é"]},
            "metadata": {},
            "created_at": NOW,
            "updated_at": NOW,
            "owner": "me",
        }
        for number in (1, 2)
    ],
    "container_labels": [
        {"container_id": 2, "position": position, "label": label} for position, label in enumerate(["y", "x", "y"])
    ],
}


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    engine = records._connect(sa.make_url(url))
    yield engine
    engine.dispose()


def upgrade(engine: sa.Engine, revision: str) -> None:
    with engine.connect().execution_options(**{records._WRITES: True}) as connection, connection.begin():
        migrations.upgrade(connection, revision)


def fill(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        for name, rows in ROWS.items():
            connection.execute(before.tables[name].insert(), rows)


def content(engine: sa.Engine) -> dict[str, list[Any]]:
    """The rows of every table."""
    tables = sa.MetaData()
    tables.reflect(engine)
    with engine.begin() as connection:
        return {
            name: [dict(row._mapping) for row in connection.execute(sa.select(table).order_by(*table.primary_key))]
            for name, table in tables.tables.items()
        }


def schema(engine: sa.Engine) -> str:
    found = sa.inspect(engine)
    return repr(
        [
            (name, found.get_columns(name), found.get_indexes(name), found.get_foreign_keys(name))
            for name in sorted(found.get_table_names())
        ]
    )


def differences(engine: sa.Engine, metadata: sa.MetaData) -> list[Any]:
    with engine.begin() as connection:
        found: list[Any] = compare_metadata(MigrationContext.configure(connection), metadata)
        return found


def test_the_revisions_are_one_chain_that_ends_where_the_agent_expects() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations._FOLDER))
    chain = list(ScriptDirectory.from_config(config).walk_revisions())[::-1]
    assert tuple(script.revision for script in chain) == REVISIONS
    assert [script.down_revision for script in chain] == [None, *REVISIONS[:-1]]
    assert chain[-1].revision == migrations.HEAD


def test_the_migrated_schema_is_the_one_that_records_use(url: str, engine: sa.Engine) -> None:
    Records(url).close()
    assert differences(engine, records._metadata) == []


def test_the_first_revision_is_what_agents_made_before(engine: sa.Engine) -> None:
    upgrade(engine, "0001")
    assert differences(engine, before) == []


@pytest.mark.parametrize(("older", "newer"), list(pairwise(REVISIONS)))
def test_each_revision_follows_the_one_before_it_and_keeps_its_rows(engine: sa.Engine, older: str, newer: str) -> None:
    upgrade(engine, older)
    fill(engine)
    rows = content(engine)
    upgrade(engine, newer)
    after = content(engine)
    assert (rows.pop("alembic_version"), after.pop("alembic_version")) == (
        [{"version_num": older}],
        [{"version_num": newer}],
    )
    for name, found in rows.items():
        assert [{column: row[column] for column in found[0]} for row in after[name]] == found


def test_a_database_from_before_there_were_revisions_is_taken_over(url: str, engine: sa.Engine) -> None:
    before.create_all(engine)
    fill(engine)
    store = Records(url)
    assert differences(engine, records._metadata) == []
    count, [two, one] = store.page([], 1, 10)
    assert (count, one.labels, two.labels) == (2, [], ["y", "x", "y"])
    for record, row in zip((one, two), ROWS["containers"], strict=True):
        assert {**row, "ended_at": None, "labels": record.labels} == vars(record)
    store.change(1, lambda _: {"ended_at": NOW})
    assert store.get(1).as_json()["ended_at"] == NOW
    store.close()


def test_a_table_of_somebody_else_is_left_alone(url: str, engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE containers (id INTEGER)"))
    whole = schema(engine)
    with pytest.raises(sa.exc.DBAPIError, match="already exists"):
        Records(url)
    assert schema(engine) == whole


def test_a_database_of_a_newer_version_is_refused_and_left_alone(
    url: str, engine: sa.Engine, plugins: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Records(url).close()
    fill(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0999'"))
        connection.execute(sa.text("ALTER TABLE containers DROP COLUMN ended_at"))
    whole = schema(engine), content(engine)
    said = r"at revision 0999, and synapse-sdk [\d.]+ knows none after 0003: a newer version has used it\. Take that"
    with pytest.raises(migrations.NewerSchemaError, match=said):
        Records(url)
    with pytest.raises(SystemExit) as caught:
        main(["--plugins", str(plugins), "--port", "0", "--engine", "process", "--database", url])
    assert caught.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("synapse-local-agent: error: the agent cannot start: The database is at revision 0999, ")
    assert (schema(engine), content(engine)) == whole


def test_a_migration_that_fails_changes_nothing(
    url: str, engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "100% broken"
    shutil.copytree(migrations._FOLDER, folder)
    (folder / "versions" / "r0004_broken.py").write_text(
        "from alembic import op\n"
        "revision, down_revision = '0004', '0003'\n"
        "def upgrade():\n"
        "    op.execute('DELETE FROM container_labels')\n"
        "    op.drop_column('containers', 'host_port')\n"
        "    op.execute('SELECT * FROM nothing')\n"
    )
    upgrade(engine, "0001")
    fill(engine)
    whole = schema(engine), content(engine)
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "_FOLDER", folder)
        patch.setattr(migrations, "HEAD", "0004")
        with pytest.raises(sa.exc.DBAPIError, match="nothing"):
            Records(url)
    assert (schema(engine), content(engine)) == whole
    Records(url).close()
    assert differences(engine, records._metadata) == []


STARTS = """
import sys
from synapse_sdk.local_agent.records import Records
print(flush=True)
sys.stdin.readline()
store = Records(sys.argv[1])
print(store.create(plugin_release="a@1", status="new", params={}, metadata={}).id)
store.close()
"""


def test_agents_that_start_at_once_on_one_empty_database_all_succeed(url: str) -> None:
    command = [sys.executable, "-W", "error", "-c", STARTS, url]
    agents = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for agent in agents:
        assert agent.stdout
        agent.stdout.readline()
    for agent in agents:
        assert agent.stdin
        agent.stdin.write("\n")
        agent.stdin.flush()
    said = [agent.communicate() for agent in agents]
    assert [err for _, err in said] == [""] * 4
    assert sorted(int(out) for out, _ in said) == [1, 2, 3, 4]


def test_databases_are_migrated_side_by_side_in_one_process(tmp_path: Path) -> None:
    def start(number: int) -> None:
        Records(f"sqlite:///{tmp_path / str(number)}").close()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(start, range(24)))
    for number in range(24):
        engine = sa.create_engine(f"sqlite:///{tmp_path / str(number)}")
        assert differences(engine, records._metadata) == []
        engine.dispose()


def test_a_database_that_is_current_is_opened_without_alembic_and_without_waiting(url: str, engine: sa.Engine) -> None:
    Records(url).close()
    opens = "import sys; from synapse_sdk.local_agent.records import Records; Records(sys.argv[1]).close()"
    program = f"{opens}; assert 'alembic' not in sys.modules"
    with engine.connect().execution_options(**{records._WRITES: True}) as connection, connection.begin():
        connection.execute(before.tables["containers"].insert(), ROWS["containers"])
        subprocess.run([sys.executable, "-c", program, url], check=True, timeout=10)


def test_migrating_touches_neither_logging_nor_the_folder(tmp_path: Path) -> None:
    program = """
import logging, os
from synapse_sdk.local_agent.records import Records
kept = logging.getLogger("somebody.elses")
Records("sqlite://").close()
assert (logging.root.handlers, logging.root.level, kept.disabled) == ([], logging.WARNING, False)
assert os.listdir() == []
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")


def test_a_migration_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="alembic"):
        Records("sqlite://").close()
    assert "Running upgrade 0001 -> 0002" in caplog.text
