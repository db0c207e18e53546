"""Plugin releases: which there are, and what is wrong with those that cannot be run."""

from pathlib import Path

import pytest

from synapse_sdk.local_agent.errors import InvalidError, NotFoundError
from synapse_sdk.local_agent.releases import Release, Releases
from tests.local_agent.support import make_release

ACTIONS = "actions: {run: {entrypoint: plugin.main.app}}"


def test_a_release_is_found_by_its_name(plugins: Path) -> None:
    name = make_release(plugins, name="a_b@1.0-rc.1+x")
    folder = plugins / name
    assert Releases(plugins).find(name) == Release("a_b", "1.0-rc.1+x", folder, folder / "plugin" / "main.py")
    assert Releases(plugins).find(name).name == name


def test_a_release_that_is_added_later_is_found(plugins: Path) -> None:
    releases = Releases(plugins)
    with pytest.raises(NotFoundError, match=r"There is no plugin release sample@1\.0\. There is none at all\."):
        releases.find("sample@1.0")
    make_release(plugins)
    assert releases.find("sample@1.0").code == "sample"


def test_an_unknown_release_is_answered_with_what_there_is(plugins: Path) -> None:
    for name in ("b@2", "a@1"):
        make_release(plugins, name=name)
    (plugins / "not-a-release").mkdir()
    (plugins / "empty@1").mkdir()
    with pytest.raises(NotFoundError, match=r"There is no plugin release c@3\. There is a@1, b@2\."):
        Releases(plugins).find("c@3")


def test_a_long_list_of_releases_is_cut(plugins: Path) -> None:
    for number in range(60):
        (plugins / f"a@{number}").mkdir()
        (plugins / f"a@{number}" / "config.yaml").touch()
    with pytest.raises(NotFoundError, match=r"a@9, …\.|a@5\d, …\."):
        Releases(plugins).find("c@3")


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match="nowhere is not there"):
        Releases(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["../x@1", "..", ".", "a/../../x@1", "/etc@1", "a\0@1"])
def test_a_name_that_leaves_the_folder_is_refused(plugins: Path, name: str) -> None:
    with pytest.raises(InvalidError, match="leaves the plugins folder"):
        Releases(plugins).find(name)


def test_a_link_that_leaves_the_folder_is_refused(plugins: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    make_release(outside, name="a@1")
    (plugins / "a@1").symlink_to(outside / "a@1")
    with pytest.raises(InvalidError, match="'a@1' leaves the plugins folder"):
        Releases(plugins).find("a@1")


def test_an_entrypoint_that_leaves_the_release_is_refused(plugins: Path, tmp_path: Path) -> None:
    make_release(plugins, None)
    outside = tmp_path / "main.py"
    outside.touch()
    (plugins / "sample@1.0" / "plugin" / "main.py").symlink_to(outside)
    with pytest.raises(InvalidError, match=r"sample@1\.0: plugin/main\.py leaves the release's folder"):
        Releases(plugins).find("sample@1.0")


def test_the_folder_itself_may_be_a_link(plugins: Path, tmp_path: Path) -> None:
    make_release(plugins)
    (tmp_path / "link").symlink_to(plugins)
    assert Releases(tmp_path / "link").find("sample@1.0").folder == plugins / "sample@1.0"


def test_the_first_action_is_run_in_a_mapping_or_a_list(plugins: Path) -> None:
    several = "[{name: one, entrypoint: plugin.main.app}, {entrypoint: other.module.app}]"
    for number, actions in enumerate(["{one: {entrypoint: plugin.main.app}, two: {entrypoint: x.y}}", several]):
        name = make_release(plugins, name=f"a@v{number}", config=f"code: a\nversion: v{number}\nactions: {actions}")
        assert Releases(plugins).find(name).program.name == "main.py"


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ("{", "is not YAML"),
        ("[]", "code is None"),
        (f"code: other\nversion: '1.0'\n{ACTIONS}", "code is 'other' where the folder's name says 'sample'"),
        (f"code: sample\nversion: 1.10\n{ACTIONS}", r"version is 1\.1 where the folder's name says '1\.0'"),
        ("code: sample\nversion: '1.0'", "actions must have one with an entrypoint"),
        ("code: sample\nversion: '1.0'\nactions: {}", "actions must have one with an entrypoint"),
        ("code: sample\nversion: '1.0'\nactions: [x]", "actions must have one with an entrypoint"),
        ("code: sample\nversion: '1.0'\nactions: {a: {}}", "the entrypoint None is not of the form"),
        ("code: sample\nversion: '1.0'\nactions: {a: {entrypoint: main}}", "the entrypoint 'main' is not of the form"),
        ("code: sample\nversion: '1.0'\nactions: {a: {entrypoint: ../a.b.c}}", r"the entrypoint '\.\./a\.b\.c' is not"),
        (
            "code: sample\nversion: '1.0'\nactions: {a: {entrypoint: plugin.other.app}}",
            r"the entrypoint's file plugin/other\.py is not there",
        ),
    ],
)
def test_what_is_wrong_with_a_release_is_said(plugins: Path, config: str, why: str) -> None:
    make_release(plugins, config=config)
    with pytest.raises(InvalidError, match=rf"^sample@1\.0: config\.yaml.*{why}"):
        Releases(plugins).find("sample@1.0")


def test_a_release_without_a_configuration_is_refused(plugins: Path) -> None:
    (plugins / "sample@1.0").mkdir()
    with pytest.raises(InvalidError, match=r"sample@1\.0 has no config\.yaml"):
        Releases(plugins).find("sample@1.0")


def test_a_configuration_that_cannot_be_read_is_refused(plugins: Path) -> None:
    (plugins / "sample@1.0" / "config.yaml").mkdir(parents=True)
    with pytest.raises(InvalidError, match=r"config\.yaml cannot be read: Is a directory"):
        Releases(plugins).find("sample@1.0")
