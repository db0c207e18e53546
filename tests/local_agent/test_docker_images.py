import socket
import tarfile
from collections.abc import Iterator
from io import BytesIO

import docker
import httpx
import pytest

from tests.local_agent.docker_images import busybox_image, python_image
from tests.local_agent.dockerd import Dockerd
from tests.local_agent.support import wait_until

pytestmark = pytest.mark.docker

PROGRAM = b"""
import ctypes, http.server, sqlite3, ssl, zlib
print("started", flush=True)
http.server.ThreadingHTTPServer(("", 7860), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


@pytest.fixture(params=[busybox_image, python_image], ids=["busybox", "python"])
def image(request: pytest.FixtureRequest, docker_client: docker.DockerClient) -> str:
    name: str = request.param(docker_client)
    return name


@pytest.fixture
def built(docker_client: docker.DockerClient) -> Iterator[str]:
    files = BytesIO()
    with tarfile.open(fileobj=files, mode="w") as tar:
        dockerfile = f"FROM {python_image(docker_client)}\nCOPY program.py /\nRUN python -m pip --version\n"
        for name, text in (("Dockerfile", dockerfile.encode()), ("program.py", PROGRAM)):
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, BytesIO(text))
    files.seek(0)
    image, _ = docker_client.images.build(fileobj=files, custom_context=True, rm=True)
    assert image.id
    yield image.id
    docker_client.images.remove(image.id, force=True)


def test_an_image_has_a_shell_and_a_place_to_write(image: str, docker_client: docker.DockerClient) -> None:
    said = docker_client.containers.run(image, ["sh", "-c", "echo said >/tmp/it && cat /tmp/it"], remove=True)
    assert said == b"said\n"


def test_an_image_is_made_once(docker_client: docker.DockerClient) -> None:
    before = docker_client.images.get(python_image(docker_client)).id
    assert docker_client.images.get(python_image(docker_client)).id == before


def test_an_image_of_it_runs_a_server_of_python_with_nothing_that_it_may_do(
    built: str, docker_client: docker.DockerClient
) -> None:
    container = docker_client.containers.run(
        built,
        ["python", "/program.py"],
        detach=True,
        init=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        read_only=True,
        user="nobody",
        mem_limit="128m",
        pids_limit=64,
        ports={"7860/tcp": ("127.0.0.1", 0)},
    )
    try:
        wait_until(lambda: container.logs().startswith(b"started"))
        container.reload()
        [published] = container.ports["7860/tcp"] or []
        assert wait_until(lambda: status(f"http://127.0.0.1:{published['HostPort']}")) == 200
    finally:
        container.remove(force=True)


def status(url: str) -> int | None:
    try:
        return httpx.get(url).status_code
    except httpx.TransportError:
        return None


def test_an_engine_of_a_test_can_be_killed_and_comes_again_with_what_it_had(
    dockerd: Dockerd, docker_client: docker.DockerClient
) -> None:
    client = docker.DockerClient(dockerd.host)
    dockerd.clear(client)
    name = busybox_image(client)
    container = client.containers.create(name, "true")
    dockerd.end()
    with pytest.raises(ConnectionRefusedError), socket.socket(socket.AF_UNIX) as closed:
        closed.connect(dockerd.host.removeprefix("unix://"))
    assert docker_client.ping()
    dockerd.start()
    assert [found.id for found in client.containers.list(all=True)] == [container.id]
    container.remove()
    client.close()
