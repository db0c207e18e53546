import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
import sqlalchemy as sa

from synapse_sdk.local_agent import LocalAgent
from tests.local_agent.docker_images import python_image
from tests.local_agent.dockerd import Dockerd
from tests.local_agent.hosts import Host, ProcessHost, docker_host
from tests.local_agent.support import TOKEN, Api


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    """A folder for the releases of one test."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    return folder


@pytest.fixture
def agent(plugins: Path) -> Iterator[LocalAgent]:
    """An agent whose answers are all checked against the contract."""
    with LocalAgent(plugins, token=TOKEN, start_timeout=10, stop_grace=5, validate_responses=True) as agent:
        yield agent
    assert agent.violations == []


@pytest.fixture
def api(agent: LocalAgent) -> Iterator[Api]:
    with Api(base_url=agent.url, headers={"Authorization": TOKEN}) as api:
        yield api


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of four megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4M", "synapse-test", str(folder)]
    if os.geteuid() or subprocess.run(mount, check=False).returncode:
        pytest.skip("a file system can be mounted by root alone, and not in every container")
    yield folder
    # A thread of an agent that has ended may have its database open still.
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def postgres() -> Iterator[str]:
    """The URL of a new PostgreSQL database, which is gone after the test."""
    server = sa.make_url(os.environ["SYNAPSE_TEST_POSTGRES"])
    name = f"test_{uuid.uuid4().hex}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0")
    yield server.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database that several processes can use, one test for each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'records.db'}"
    found: str = request.getfixturevalue("postgres")
    return found


@pytest.fixture(scope="session")
def docker_client() -> Iterator[docker.DockerClient]:
    """A client of the Docker Engine that all tests share."""
    assert "SYNAPSE_TEST_DOCKERD_START" in os.environ, "tests with the marker `docker` are run by make test-docker"
    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture(scope="session")
def dockerd_of_worker() -> Dockerd:
    return Dockerd(1 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")))


@pytest.fixture
def dockerd(dockerd_of_worker: Dockerd) -> Dockerd:
    """A Docker Engine that the test may end and start again."""
    if not dockerd_of_worker.runs:
        dockerd_of_worker.start()
    return dockerd_of_worker


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def host(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """Each engine, seen from outside."""
    if request.param == "process":
        yield ProcessHost()
        return
    dockerd: Dockerd = request.getfixturevalue("dockerd")
    monkeypatch.setenv("DOCKER_HOST", dockerd.host)
    with docker_host(dockerd, python_image) as found:
        yield found
