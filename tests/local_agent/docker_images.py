"""Images made of what the machine has: the tests can pull none."""

import fcntl
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path

import docker
import docker.errors
import pip

# What is not taken from the standard library, by how its names begin.
LEFT_OUT = (
    *("__pycache__", "EXTERNALLY-MANAGED", "config-", "dist-packages", "lib-dynload", "site-packages"),
    *("idlelib", "lib2to3", "pydoc_data", "test", "tkinter", "turtledemo"),
)
MODULES_LEFT_OUT = ("_ctypes_test", "_test", "_tkinter", "_xx", "xx")


def busybox_image(client: docker.DockerClient) -> str:
    """The name of an image with a shell and small tools, `httpd` and `nc` among them."""
    return _made(client, "synapse-test-busybox:latest", _add_busybox)


def python_image(client: docker.DockerClient) -> str:
    """The name of an image with the Python that runs the tests, pip, a shell and small tools."""
    return _made(client, f"synapse-test-python:{sysconfig.get_python_version()}", _add_python)


def _made(client: docker.DockerClient, name: str, add: Callable[[tarfile.TarFile], None]) -> str:
    if not _is_there(client, name):
        with Path(__file__).open() as lock:
            # Of several workers with one engine, the first makes it.
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not _is_there(client, name):
                _make(client, name, add)
    return name


def _is_there(client: docker.DockerClient, name: str) -> bool:
    try:
        client.images.get(name)
    except docker.errors.ImageNotFound:
        return False
    return True


def _make(client: docker.DockerClient, name: str, add: Callable[[tarfile.TarFile], None]) -> None:
    with tempfile.TemporaryFile() as file:
        with tarfile.open(fileobj=file, mode="w") as tar:
            add(tar)
        file.seek(0)
        repository, tag = name.split(":")
        client.api.import_image_from_data(file, repository, tag, ["ENV PATH=/usr/local/bin:/bin"])


def _add_busybox(tar: tarfile.TarFile) -> None:
    busybox = shutil.which("busybox")
    if not busybox:
        raise FileNotFoundError("there is no busybox on PATH")
    tar.add(Path(busybox).resolve(), "bin/busybox", filter=_plain)
    _add_libraries(tar, [Path(busybox)])
    names = subprocess.run([busybox, "--list"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    for name in names:
        if name != "busybox":
            _add_link(tar, f"bin/{name}", "busybox")
    _add_text(tar, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n")
    _add_text(tar, "etc/group", "root:x:0:\nnogroup:x:65534:\n")
    _add_folder(tar, "tmp", 0o1777)
    _add_folder(tar, "root", 0o700)


def _add_python(tar: tarfile.TarFile) -> None:
    _add_busybox(tar)
    version = sysconfig.get_python_version()
    library = f"usr/local/lib/python{version}"
    program = Path(sys.executable).resolve()
    modules = Path(sysconfig.get_config_var("DESTSHARED")).glob("*.so")
    modules_taken = [path for path in modules if not path.name.startswith(MODULES_LEFT_OUT)]

    tar.add(program, f"usr/local/bin/python{version}", filter=_plain)
    for name in ("python", "python3"):
        _add_link(tar, f"usr/local/bin/{name}", f"python{version}")
    for path in Path(sysconfig.get_path("stdlib")).iterdir():
        if not path.name.startswith(LEFT_OUT):
            tar.add(path, f"{library}/{path.name}", filter=_plain)
    for path in modules_taken:
        tar.add(path, f"{library}/lib-dynload/{path.name}", filter=_plain)
    for path in Path(pip.__path__[0]).parent.glob("pip*"):
        tar.add(path, f"{library}/site-packages/{path.name}", filter=_plain)
    _add_libraries(tar, [program, *modules_taken])


def _add_libraries(tar: tarfile.TarFile, programs: Iterable[Path]) -> None:
    """Add what programs and modules are linked with, and the loader that finds it."""
    # It fails where a program is static, and says nothing of that one.
    said = subprocess.run(["ldd", *programs], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    paths = {Path(found) for found in re.findall(r"(?:=> |^\t)(/\S+) \(0x", said.stdout, re.MULTILINE)}
    # Next to the C library every one of them is found, whatever folder its program would have it in.
    folder = next((path.parent for path in paths if path.name.startswith("libc.")), Path("/lib"))
    # The C library loads this one when a thread ends early, and programs are not linked with it.
    paths |= {path for path in [folder / "libgcc_s.so.1"] if path.exists()}
    for path in paths:
        name = path if path.name.startswith("ld-") else folder / path.name
        tar.add(path.resolve(), str(name), filter=_plain)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if Path(member.name).name == "__pycache__":
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _add_link(tar: tarfile.TarFile, name: str, target: str) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, target
    tar.addfile(member)


def _add_text(tar: tarfile.TarFile, name: str, text: str) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(text)
    tar.addfile(member, BytesIO(text.encode()))


def _add_folder(tar: tarfile.TarFile, name: str, mode: int) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.mode = tarfile.DIRTYPE, mode
    tar.addfile(member)
