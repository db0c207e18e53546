"""What the image of a release is built from, and the name that it gets: no Docker is needed to know."""

import io
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from docker.utils.build import match_tag

from synapse_sdk.local_agent.engines.docker import container_name
from synapse_sdk.local_agent.engines.images import Build, generated_dockerfile, image_tag
from synapse_sdk.local_agent.errors import InvalidError
from synapse_sdk.local_agent.releases import Release, Releases
from tests.local_agent.support import make_release

GENERATED = ".synapse.Dockerfile"


@pytest.fixture
def folder(plugins: Path) -> Path:
    """The folder of a release."""
    return plugins / make_release(plugins)


def build(folder: Path, base_image: str = "base") -> Build:
    return Build(Releases(folder.parent).find(folder.name), base_image)


def packed(folder: Path) -> dict[str, tarfile.TarInfo]:
    """What is sent to be built from, by name."""
    file = io.BytesIO()
    build(folder).write(file)
    file.seek(0)
    with tarfile.open(fileobj=file) as tar:
        return {member.name: member for member in tar.getmembers()}


def dockerfile(folder: Path) -> str:
    """The Dockerfile that is sent."""
    file = io.BytesIO()
    made = build(folder)
    made.write(file)
    file.seek(0)
    with tarfile.open(fileobj=file) as tar:
        found = tar.extractfile(made.dockerfile)
        assert found
        return found.read().decode()


def refused(folder: Path) -> str:
    with pytest.raises(InvalidError) as caught:
        build(folder).digest()
    return str(caught.value)


def test_a_release_without_a_dockerfile_gets_one_upon_the_base_image(folder: Path) -> None:
    assert dockerfile(folder).splitlines() == [
        "FROM base",
        "WORKDIR /plugin",
        "ENV PYTHONPATH=/plugin PYTHONUNBUFFERED=1",
        "COPY . .",
        "EXPOSE 7860",
        'CMD ["python", "plugin/main.py"]',
    ]
    assert packed(folder).keys() == {"config.yaml", "plugin", "plugin/main.py", GENERATED}


def test_a_releases_own_dockerfile_is_used(folder: Path) -> None:
    (folder / "Dockerfile").write_text("FROM mine\n")
    (folder / "requirements.txt").write_text("anything\n")
    assert dockerfile(folder) == "FROM mine\n"
    assert GENERATED not in packed(folder)
    assert build(folder, "base").digest() == build(folder, "another").digest()


def test_requirements_are_installed_before_the_rest_is_copied(folder: Path) -> None:
    (folder / "requirements.txt").write_text(
        "\n# what it needs\n  numpy[all]>=2 # fast\n--index-url http://host/simple\n"
    )
    lines = dockerfile(folder).splitlines()
    options = "--no-cache-dir --disable-pip-version-check --root-user-action=ignore"
    install = f"RUN python -m pip install {options} -r requirements.txt"
    assert lines[3:6] == ["COPY requirements.txt ./", install, "COPY . ."]


@pytest.mark.parametrize(
    "line",
    ["-r more.txt", "-c constraints.txt", "-e .", ".", "./lib", "own-1.0-py3-none-any.whl", "own @ file:///plugin/own"],
)
def test_requirements_that_may_name_files_of_the_release_are_installed_after_it_is_copied(
    folder: Path, line: str
) -> None:
    (folder / "requirements.txt").write_text(f"numpy\n{line}\n")
    assert [text.partition(" ")[0] for text in dockerfile(folder).splitlines()[3:6]] == ["COPY", "RUN", "COPY"]
    assert dockerfile(folder).splitlines()[3] == "COPY . ."


@pytest.mark.parametrize("text", ["", "\n\n", "# numpy\n   # and more\n", "\ufeff# a byte order mark\n"])
def test_requirements_of_comments_alone_install_nothing(folder: Path, text: str) -> None:
    (folder / "requirements.txt").write_text(text, encoding="utf-8")
    assert "pip" not in dockerfile(folder)


def test_dockerignore_is_heeded(folder: Path) -> None:
    for name in (
        "notes.md",
        "README.md",
        "data/big.bin",
        "data/keep/a.txt",
        "plugin/deep/er/x.log",
        "#odd",
        "src/.env",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    (folder / ".dockerignore").write_text(
        "\ufeff# a comment\n\n*.md\n!README.md\n  /data/*  \n!data/keep\n**/*.log\n**/.env\n", encoding="utf-8"
    )
    names = packed(folder).keys() - {GENERATED, "config.yaml", "plugin/main.py"}
    assert names == {
        *(".dockerignore", "README.md", "#odd", "data", "data/keep", "data/keep/a.txt"),
        *("plugin", "plugin/deep", "plugin/deep/er", "src"),
    }


def test_a_dockerfile_is_sent_even_if_it_is_ignored(folder: Path) -> None:
    (folder / ".dockerignore").write_text("*\n")
    assert packed(folder).keys() == {".dockerignore", GENERATED}
    (folder / "Dockerfile").write_text("FROM mine\n")
    assert packed(folder).keys() == {".dockerignore", "Dockerfile"}


def test_requirements_that_are_ignored_are_not_installed(folder: Path) -> None:
    (folder / "requirements.txt").write_text("numpy\n")
    (folder / ".dockerignore").write_text("requirements.txt\n")
    assert "pip" not in dockerfile(folder)


def test_what_running_a_release_leaves_behind_does_not_change_its_digest(folder: Path) -> None:
    before = build(folder).digest()
    (folder / "plugin" / "__pycache__").mkdir()
    (folder / "plugin" / "__pycache__" / "main.cpython-312.pyc").write_text("x")
    assert build(folder).digest() == before
    (folder / "plugin" / "compiled.pyc").write_text("x")
    assert build(folder).digest() != before


def test_a_copy_elsewhere_of_another_time_and_owner_has_the_same_digest(folder: Path, tmp_path: Path) -> None:
    (folder / "link").symlink_to("plugin/main.py")
    copy = tmp_path / "elsewhere" / folder.name
    shutil.copytree(folder, copy, symlinks=True, copy_function=shutil.copyfile)
    for path in [copy, *copy.rglob("*")]:
        os.utime(path, (0, 0), follow_symlinks=False)
    (copy / "config.yaml").chmod(0o600)
    (copy / "plugin").chmod(0o700)
    if os.geteuid() == 0:
        os.chown(copy / "config.yaml", 1234, 1234)
    assert build(copy).digest() == build(folder).digest()


def test_whatever_goes_into_the_image_is_in_the_digest(folder: Path) -> None:
    digests = {build(folder).digest(), build(folder, "another").digest()}
    main = folder / "plugin" / "main.py"
    main.write_text("changed")
    digests.add(build(folder).digest())
    main.chmod(0o755)
    digests.add(build(folder).digest())
    main.rename(main.with_name("other.py"))
    (folder / "plugin" / "main.py").symlink_to("other.py")
    digests.add(build(folder).digest())
    (folder / "empty").mkdir()
    digests.add(build(folder).digest())
    (folder / "requirements.txt").write_text("numpy")
    digests.add(build(folder).digest())
    (folder / "Dockerfile").write_text("FROM mine")
    digests.add(build(folder).digest())
    assert len(digests) == 8


def test_what_is_sent_has_the_digest_that_was_foretold(folder: Path) -> None:
    assert build(folder).write(io.BytesIO()) == build(folder).digest()


def test_modes_say_what_can_be_run_and_nothing_of_this_machine(folder: Path) -> None:
    (folder / "run.sh").write_text("x")
    (folder / "run.sh").chmod(0o4710)
    (folder / "secret").write_text("x")
    (folder / "secret").chmod(0o600)
    sent = packed(folder)
    assert {name: oct(sent[name].mode) for name in ("run.sh", "secret", "plugin")} == {
        "run.sh": "0o755",
        "secret": "0o644",
        "plugin": "0o755",
    }
    assert {(one.mtime, one.uid, one.gid, one.uname, one.gname) for one in sent.values()} == {(0, 0, 0, "", "")}


def test_links_within_a_release_stay_links(folder: Path) -> None:
    links = {"a": "plugin/main.py", "plugin/up": "../config.yaml", "dir": "plugin", "chain": "dir/main.py"}
    links |= {"nowhere": "not/there", "loop": "loop"}
    for name, target in links.items():
        (folder / name).symlink_to(target)
    sent = packed(folder)
    assert {name: sent[name].linkname for name in links} == links
    assert all(sent[name].issym() for name in links)


@pytest.mark.parametrize(
    ("links", "named"),
    [
        ({"up": "../other"}, "up"),
        ({"plugin/up": "../../other"}, "plugin/up"),
        ({"absolute": "/etc/passwd"}, "absolute"),
        ({"within": "{folder}/config.yaml"}, "within"),
        ({"deep/in/folder": "../..", "x": "deep/in/folder/../outside"}, "x"),
        ({"b": "../other", "a": "c", "c": "b"}, "a"),
        ({"root": ".."}, "root"),
        ({"Dockerfile": "../Dockerfile"}, "Dockerfile"),
        ({"ref": "../sample@1.0-evil"}, "ref"),
    ],
)
def test_a_link_that_leaves_the_release_is_refused_by_name(folder: Path, links: dict[str, str], named: str) -> None:
    (folder.parent / "other").mkdir()
    (folder.parent / "sample@1.0-evil").mkdir()
    (folder.parent / "Dockerfile").write_text("FROM mine\n")
    for name, target in links.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(target.format(folder=folder))
    assert refused(folder) == f"sample@1.0: the symbolic link {named} leaves the release's folder."


def test_a_link_that_is_ignored_may_lead_anywhere(folder: Path) -> None:
    (folder / "data").symlink_to("/etc")
    (folder / ".dockerignore").write_text("data\n")
    assert "data" not in packed(folder)


def test_what_is_no_file_is_refused_by_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(folder / "pipe")
    assert refused(folder) == "sample@1.0: pipe is neither a file nor a folder nor a symbolic link."
    odd = (folder / "pipe").rename(folder / os.fsdecode(b"\xff\xfe"))
    assert refused(folder) == "sample@1.0: \ufffd\ufffd is neither a file nor a folder nor a symbolic link."
    odd.unlink()
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("sock")
        assert refused(folder) == "sample@1.0: sock is neither a file nor a folder nor a symbolic link."


# Root may read everything, until it gives up for good what lets it.
READS = """
import ctypes, os, sys
if os.geteuid() == 0 and len(sys.argv) == 3:
    for capability in (1, 2):
        assert ctypes.CDLL(None).prctl(24, capability, 0, 0, 0) == 0
    os.execv(sys.executable, [sys.executable, "-c", sys.argv[2], *sys.argv[1:], "again"])
from pathlib import Path
from synapse_sdk.local_agent.engines.images import Build
from synapse_sdk.local_agent.errors import InvalidError
from synapse_sdk.local_agent.releases import Release
folder = Path(sys.argv[1])
try:
    Build(Release("sample", "1.0", folder, folder / "plugin" / "main.py"), "base").digest()
except InvalidError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("plugin/data.bin", 0),
        ("plugin/sub", 0),
        ("plugin/sub", 0o400),
        (".dockerignore", 0),
        ("requirements.txt", 0),
    ],
)
def test_what_cannot_be_read_is_named(folder: Path, name: str, mode: int) -> None:
    path = folder / name
    if name.endswith("sub"):
        path.mkdir()
        (path / "inner").write_text("x")
    else:
        path.write_text("x")
    path.chmod(mode)
    command = [sys.executable, "-c", READS, str(folder), READS]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    path.chmod(0o700)
    named = f"{name}/inner" if mode else name
    assert said == f"sample@1.0: {named} cannot be read: Permission denied.\n"


def test_a_file_that_shrinks_while_it_is_read_is_named(folder: Path) -> None:
    big = folder / "big.bin"
    big.write_bytes(b"x" * 100_000)
    made = build(folder)

    def shrinks(_: bytes) -> None:
        if big.stat().st_size:
            big.write_bytes(b"")

    with pytest.raises(InvalidError, match=r"^sample@1\.0: big\.bin cannot be read: it changes while it is read\.$"):
        made._pack(shrinks)


def test_a_folder_in_the_place_of_a_file_is_no_such_file(folder: Path) -> None:
    for name in ("Dockerfile", ".dockerignore"):
        (folder / name).mkdir()
    assert dockerfile(folder).startswith("FROM base\n")
    (folder / "requirements.txt").mkdir()
    assert refused(folder) == "sample@1.0: requirements.txt cannot be read: Is a directory."


@pytest.mark.parametrize(
    ("code", "version", "tag"),
    [
        ("ocr_processor", "2.0.0", "synapse/ocr-processor:2.0.0-0123456789ab"),
        ("C++", "1.0+local", "synapse/c:1.0-local-0123456789ab"),
        ("_x", "_1", "synapse/x:_1-0123456789ab"),
        ("Ünïcödé", "-1-", "synapse/n-c-d:1--0123456789ab"),
        ("ü", "ü", "synapse/release:0-0123456789ab"),
        ("a--b__c..d", "v 1/2:3", "synapse/a-b-c-d:v-1-2-3-0123456789ab"),
        ("x" * 99 + "++" + "y" * 99, "1" * 300, f"synapse/{'x' * 99}:{'1' * 100}-0123456789ab"),
    ],
)
def test_an_image_has_a_name_that_docker_allows(code: str, version: str, tag: str) -> None:
    release = Release(code, version, Path("/r"), Path("/r/plugin/main.py"))
    assert image_tag(release, "0123456789abcdef") == tag
    assert match_tag(tag)


@pytest.mark.parametrize("wanted", ["ocr_processor-2.0.0-7", "C++-1.0+local-7", "_x-1-7", "ü-ü-7", "..-@-7"])
def test_a_container_has_a_name_that_docker_allows(wanted: str) -> None:
    assert re.fullmatch("[a-zA-Z0-9][a-zA-Z0-9_.-]*7|7", container_name(wanted))


def test_a_generated_dockerfile_depends_on_nothing_of_this_machine(plugins: Path, tmp_path: Path) -> None:
    make_release(plugins)
    other = tmp_path / "other"
    make_release(other)
    first, second = (generated_dockerfile(Releases(path).find("sample@1.0"), "base", "") for path in (plugins, other))
    assert first == second
