"""`scripts/with-postgres`: its server is there for a command, and gone after it, however it ended."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.local_agent.support import ended
from tests.programs import SCRIPTS

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = SCRIPTS / "with-postgres"

# Asks the server what it is, and tells its process, which its folder knows.
ASKS = """
import os, pathlib, sys
import sqlalchemy as sa
url = sa.make_url(os.environ["SYNAPSE_TEST_POSTGRES"])
engine = sa.create_engine(url)
with engine.connect() as connection:
    folder = pathlib.Path(connection.exec_driver_sql("SHOW data_directory").scalar_one())
    assert connection.exec_driver_sql("SHOW listen_addresses").scalar_one() == ""
engine.dispose()
print((folder / "postmaster.pid").read_text().split()[0], flush=True)
"""


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for temporary files that another user may enter: pytest's own is closed to all but this one."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder
    shutil.rmtree(folder)


def start(program: str) -> subprocess.Popen[str]:
    command = [str(PROGRAM), sys.executable, "-c", ASKS + program]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("", 0),
        ("sys.exit(3)", 3),
        ("os.kill(os.getpid(), 9)", 128 + 9),
        ("os.kill(int((folder / 'postmaster.pid').read_text().split()[0]), 9)", 0),
    ],
    ids=["ends", "fails", "is killed", "kills the server"],
)
def test_the_server_ends_with_the_command(temporary: Path, program: str, code: int) -> None:
    out, err = (process := start(program)).communicate()
    assert (process.returncode, err) == (code, "")
    assert ended(int(out))
    assert list(temporary.iterdir()) == []


@pytest.mark.postgres
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_server_and_the_command_end_when_told_to(temporary: Path, number: signal.Signals) -> None:
    waits = "import signal; print(os.getpid(), flush=True); signal.pause()"
    process = start(waits)
    assert process.stdout
    pids = [int(process.stdout.readline()) for _ in range(2)]
    process.send_signal(number)
    process.communicate()
    assert process.returncode == 128 + number
    assert all(ended(pid) for pid in pids)
    assert list(temporary.iterdir()) == []


@pytest.mark.postgres
def test_a_command_that_is_not_there_is_said(temporary: Path) -> None:
    done = subprocess.run([PROGRAM, "no-such-command"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (127, "")
    assert done.stderr == "with-postgres: [Errno 2] No such file or directory: 'no-such-command'\n"
    assert list(temporary.iterdir()) == []


def test_without_a_command_it_says_how_it_is_used() -> None:
    done = subprocess.run([PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 64
    assert "scripts/with-postgres [--install] COMMAND..." in done.stderr


@pytest.mark.parametrize("arguments", [["true"], ["--install", "true"]])
def test_where_there_is_no_postgresql_it_says_so_in_one_line_with_a_code_of_its_own(
    tmp_path: Path, arguments: list[str]
) -> None:
    program = """
import pathlib, sys
from tests.programs import load
module = load("with-postgres")
module.DEBIAN = pathlib.Path(sys.argv[1])
sys.exit(module.main(sys.argv[2:]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path, *arguments],
        env={**os.environ, "PATH": str(tmp_path), "PYTHONPATH": str(PROGRAM.parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (69, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(
        "with-postgres: there is no PostgreSQL server here (initdb is neither on PATH nor in "
    )
