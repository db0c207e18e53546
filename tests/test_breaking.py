"""`scripts/check-breaking`: a contract that breaks what was released of it needs another version."""

from __future__ import annotations

import copy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.programs import SCRIPTS, load

if TYPE_CHECKING:
    from collections.abc import Callable

OPENAPI = Path(__file__).parents[1] / "openapi"
# Frozen, so that what these tests change is what it was.
RELEASED = yaml.safe_load((OPENAPI / "released" / "1.1.0.yaml").read_text())

checker = load("check-breaking")
BREAKING = checker.Change("text", ("GET /x/",), breaking=True)
ADDED = checker.Change("text", ("GET /x/",), breaking=False)


def decide(version: str, *changes: Any, released: tuple[str, ...] = ("1.0.0", "1.1.0"), same: bool = False) -> str:
    return checker.decide(version, released, changes, same=same) or ""


def test_a_contract_that_is_the_last_release_is_right() -> None:
    assert decide("1.1.0", same=True) == ""


@pytest.mark.parametrize("changes", [(), (ADDED,), (BREAKING,)])
@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
def test_a_released_version_is_frozen(version: str, changes: tuple[Any, ...]) -> None:
    assert f"{version} is released, and what is released is frozen." in decide(version, *changes)


def test_a_contract_that_says_what_an_old_release_said_is_not_that_release() -> None:
    assert "1.0.0 is released" in decide("1.0.0", same=True)


@pytest.mark.parametrize(
    ("version", "changes", "needed"),
    [
        ("1.1.1", (BREAKING,), "2.0.0"),
        ("1.2.0", (ADDED, BREAKING), "2.0.0"),
        ("1.10.0", (BREAKING,), "2.0.0"),
        ("1.1.1", (ADDED,), "1.2.0"),
        ("1.1.1", (), ""),
        ("1.2.0", (), ""),
        ("1.2.0", (ADDED,), ""),
        ("1.10.0", (ADDED,), ""),
        ("2.0.0", (ADDED,), ""),
        ("2.0.0", (BREAKING,), ""),
        ("2.0.1", (BREAKING, ADDED), ""),
    ],
)
def test_the_version_must_be_as_far_from_the_last_as_the_changes_are(
    version: str, changes: tuple[Any, ...], needed: str
) -> None:
    fault = decide(version, *changes)
    assert bool(fault) == bool(needed)
    assert needed in fault
    assert (f"write the version {needed} into info.version" in fault) == bool(needed)
    assert ("or undo what is BREAKING" in fault) == (needed == "2.0.0")


def test_the_last_release_is_the_one_of_the_highest_number() -> None:
    assert "the last release, 1.10.0" in decide("1.9.1", released=("1.10.0", "1.9.0", "1.2.0"))


@pytest.mark.parametrize("version", ["1.2", "v1.2.0", "1.2.0-rc.1", "01.2.0", ""])
def test_a_version_of_another_form_is_refused(version: str) -> None:
    with pytest.raises(ValueError, match=r"must be of the form 1\.2\.3"):
        decide(version, ADDED)


def found(text: str, path: str = "/x/", name: str = "some-check", level: int = 1, line: int = 7) -> dict[str, Any]:
    source = {"file": "/somewhere/agent.yaml", "line": line, "column": 5}
    return {"id": name, "text": text, "level": level, "operation": "GET", "path": path, "revisionSource": source}


def test_a_change_of_a_shared_schema_is_told_once_with_all_operations() -> None:
    [change] = checker.understand(
        [
            found("removed `items/image` with the `200` status", "/x/"),
            found("removed `image` with the `201` status", "/y/"),
            found("removed `image` with the `200` status", "/z/"),
            found("removed `image` with the `200` status", "/z/"),
            found("removed `image` with the `200` status", "/zz/"),
        ]
    )
    assert str(change) == (
        "  allowed: removed `items/image` with the `200` status [some-check]\n"
        "    in GET /x/, GET /y/, GET /z/ and 1 more (agent.yaml:7)"
    )


def test_changes_of_one_place_that_are_not_the_same_are_all_told() -> None:
    changes = checker.understand([found("removed `image`"), found("removed `name`"), found("removed `name`", line=9)])
    assert [change.text for change in changes] == [
        "removed `image` [some-check]",
        "removed `name` [some-check]",
        "removed `name` [some-check]",
    ]


@pytest.mark.parametrize(
    ("name", "level", "breaking"),
    [
        ("some-check", 1, False),
        ("some-check", 2, True),
        ("some-check", 3, True),
        ("response-optional-property-removed", 1, True),
        ("api-operation-id-removed", 1, True),
    ],
)
def test_what_oasdiff_cannot_tell_breaks_and_so_does_what_breaks_programs(
    name: str, level: int, breaking: bool
) -> None:
    [change] = checker.understand([found("text", name=name, level=level)])
    assert change.breaking is breaking


def test_what_oasdiff_says_of_versions_is_left_out() -> None:
    assert checker.understand([found("text", name=name) for name in checker.OF_VERSIONS]) == []


def test_what_was_accepted_is_allowed_and_says_why() -> None:
    other = checker.Change("other", ("GET /x/",), breaking=True)
    [first, second] = checker.accept([BREAKING, other], {"text": "They are the same."})
    assert str(first) == "  allowed: text\n    in GET /x/\n    accepted: They are the same."
    assert second == other


@pytest.mark.parametrize("change", [[], [ADDED]])
def test_what_was_accepted_and_is_not_there_is_refused(change: list[Any]) -> None:
    with pytest.raises(ValueError, match=r"accepted\.yaml has what is no BREAKING change: text"):
        checker.accept(change, {"text": "They are the same."})


def changed(change: Callable[[Any], object]) -> Any:
    document = copy.deepcopy(RELEASED)
    change(document)
    return document


def schema(document: Any, name: str) -> Any:
    return document["components"]["schemas"][name]


@pytest.mark.parametrize(
    ("change", "breaking", "says"),
    [
        (lambda one: one.update(servers=[{"url": "/v2"}]), True, "the list of URLs was /, and is /v2"),
        (
            lambda one: one["paths"]["/health/"]["get"]["responses"].pop("default"),
            True,
            "the default response was there, and is missing",
        ),
        (
            lambda one: one["paths"]["/containers/"]["get"]["parameters"][4].update(explode=False),
            True,
            "the form of the query parameter filters was form, exploded, and is form, in one",
        ),
        (
            lambda one: schema(one, "CreateDockerContainerRequest")["properties"]["params"].update(
                additionalProperties={"type": "string"}
            ),
            True,
            "request/params was open, and is closed to all but one type",
        ),
        (
            lambda one: one["paths"]["/containers/"]["get"]["parameters"][4]["schema"].update(
                additionalProperties=False
            ),
            True,
            "request's query parameter filters was open, and is closed",
        ),
        (
            lambda one: schema(one, "CreateDockerContainerRequest").update(additionalProperties=True),
            False,
            "request was closed, and is open",
        ),
        (
            lambda one: schema(one, "Health").update(additionalProperties=False),
            False,
            "response 200 was open, and is closed",
        ),
    ],
)
def test_what_oasdiff_does_not_look_at_is_found(change: Callable[[Any], object], breaking: bool, says: str) -> None:
    [told] = checker.unseen(RELEASED, changed(change))
    assert told.text == says
    assert told.breaking is breaking


def test_a_schema_that_holds_itself_ends() -> None:
    nested = changed(
        lambda one: schema(one, "Container")["properties"].update(parent={"$ref": "#/components/schemas/Container"})
    )
    assert checker.unseen(nested, nested) == []


def check(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, str(SCRIPTS / "check-breaking"), str(folder)]
    return subprocess.run(program, capture_output=True, text=True, check=False, env=environment or None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the contract and its releases, as they were when 1.1.0 was released."""
    shutil.copytree(OPENAPI, tmp_path / "openapi")
    for path in (tmp_path / "openapi" / "released").glob("*.yaml"):
        if path.name not in {"1.0.0.yaml", "1.1.0.yaml"}:
            path.unlink()
    write(tmp_path / "openapi", "1.1.0")
    return tmp_path / "openapi"


def write(folder: Path, version: str, change: Callable[[Any], object] = lambda _: None) -> None:
    document = changed(change)
    document["info"]["version"] = version
    (folder / "agent.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    (folder / "CHANGELOG.md").write_text(f"# Changelog\n\n## {version}\n")


def test_the_contract_of_a_release_needs_no_go(folder: Path) -> None:
    done = check(folder, PATH="")
    assert (done.returncode, done.stdout, done.stderr) == (0, "the contract 1.1.0 is what was released\n", "")


def test_a_changed_contract_is_not_judged_without_go(folder: Path) -> None:
    write(folder, "1.2.0", lambda one: one["info"].update(title="Other"))
    done = check(folder, PATH="")
    assert done.returncode == 69
    assert done.stderr == (
        "whether the contract breaks what 1.1.0 promised is not known, for oasdiff was not run: "
        "it needs Go 1.26 or newer\n"
    )


def test_a_version_needs_its_section_and_a_release_its_name(folder: Path) -> None:
    (folder / "CHANGELOG.md").write_text("# Changelog\n\n## 1.0.0\n")
    (folder / "released" / "1.0.1.yaml").write_text((folder / "released" / "1.0.0.yaml").read_text())
    done = check(folder)
    assert done.returncode == 1
    assert "released/1.0.1.yaml has the version 1.0.0\n" in done.stderr
    assert "CHANGELOG.md of the contract has no section 1.1.0." in done.stderr


BREAKS: dict[str, tuple[Callable[[Any], object], str, str]] = {
    "an operation is removed": (
        lambda one: one["paths"].pop("/health/"),
        "api path removed without deprecation",
        "in GET /health/ (1.1.0.yaml:",
    ),
    "a field of a request is required": (
        lambda one: schema(one, "CreateDockerContainerRequest")["required"].append("params"),
        "the request property `params` became required",
        "in POST /containers/docker/ (agent.yaml:",
    ),
    "the type of a query parameter is narrowed": (
        lambda one: one["paths"]["/containers/"]["get"]["parameters"][1]["schema"].update(maxLength=10),
        "for the `query` request parameter `plugin_release`, the maxLength was set to `10`",
        "in GET /containers/ (agent.yaml:",
    ),
    "the type of a path's parameter is narrowed": (
        lambda one: schema(one, "RecordId").update(minimum=5),
        "for the `path` request parameter `container_id`, the min was increased from `1.00` to `5.00`",
        "in DELETE /containers/{container_id}, GET /containers/{container_id}, PATCH /containers/{container_id} (",
    ),
    "a field of a request is removed": (
        lambda one: schema(one, "CreateDockerContainerRequest")["properties"].pop("envs"),
        "removed the request property `envs`",
        "in POST /containers/docker/ (1.1.0.yaml:",
    ),
    "the values of a request's field are narrowed": (
        lambda one: schema(one, "CreateDockerContainerRequest")["properties"]["params"].update(
            additionalProperties={"type": "string"}
        ),
        "request/params was open, and is closed to all but one type",
        "in POST /containers/docker/\n",
    ),
    "an optional field of a response is removed": (
        lambda one: schema(one, "DockerContainer")["properties"].pop("image"),
        "removed the optional property `items/image` from the response with the `200` status",
        "in GET /containers/docker/, POST /containers/docker/, GET /containers/docker/{container_id} and 2 more (",
    ),
    "the type of a response's field is another": (
        lambda one: schema(one, "DockerContainer")["properties"]["record_id"].update(type="string"),
        "the `items/record_id` response's property `type` changed from `integer` to `string`",
        "in GET /containers/docker/, ",
    ),
    "a field of a response may be null": (
        lambda one: schema(one, "Container")["properties"]["plugin_release"].update(nullable=True),
        "the response property `results/items/plugin_release` became nullable",
        "in GET /containers/, ",
    ),
    "the name of an operation is another": (
        lambda one: one["paths"]["/health/"]["get"].update(operationId="health"),
        "api operation id `health_check` removed and replaced with `health`",
        "in GET /health/ (",
    ),
}


@pytest.mark.go
@pytest.mark.parametrize("name", BREAKS)
def test_what_breaks_needs_a_new_major_version(folder: Path, name: str) -> None:
    change, text, where = BREAKS[name]
    write(folder, "1.2.0", change)
    done = check(folder)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"  BREAKING: {text}" in done.stdout
    assert f"    {where}" in done.stdout
    assert done.stderr == (
        "1.2.0 is too near to the last release, 1.1.0.\n"
        "The changes since 1.1.0 need at least 2.0.0: some of them break programs that were right before.\n"
        "What to do: write the version 2.0.0 into info.version, or undo what is BREAKING, "
        "or say in accepted.yaml why it breaks nothing.\n"
    )

    write(folder, "2.0.0", change)
    done = check(folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"  BREAKING: {text}" in done.stdout
    assert done.stdout.endswith("\n2.0.0 is far enough from 1.1.0\n")


ADDS: dict[str, tuple[Callable[[Any], object], str]] = {
    "an optional field of a response": (
        lambda one: schema(one, "DockerContainer")["properties"].update(node={"type": "string"}),
        "added the optional property `items/node` to the response",
    ),
    "an optional field of a request": (
        lambda one: schema(one, "CreateDockerContainerRequest")["properties"].update(gpus={"type": "integer"}),
        "added the new optional request property `gpus`",
    ),
    "an operation": (
        lambda one: one["paths"].update({"/ready/": {"get": {**one["paths"]["/health/"]["get"], "operationId": "r"}}}),
        "endpoint added",
    ),
}


@pytest.mark.go
@pytest.mark.parametrize("name", ADDS)
def test_what_is_added_needs_a_new_minor_version(folder: Path, name: str) -> None:
    change, text = ADDS[name]
    write(folder, "1.1.1", change)
    done = check(folder)
    assert done.returncode == 1
    assert f"  allowed: {text}" in done.stdout
    assert "The changes since 1.1.0 need at least 1.2.0: they break nothing, but are more than words.\n" in done.stderr

    write(folder, "1.2.0", change)
    done = check(folder)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.go
def test_other_words_need_a_patch(folder: Path) -> None:
    write(folder, "1.1.0", lambda one: schema(one, "Health").update(description="Other words."))
    done = check(folder)
    assert done.returncode == 1
    assert done.stderr.startswith("1.1.0 is released, and what is released is frozen.\n")
    assert "write the version 1.1.1 into info.version." in done.stderr

    write(folder, "1.1.1", lambda one: schema(one, "Health").update(description="Other words."))
    done = check(folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "  nothing but words\n" in done.stdout


@pytest.mark.go
def test_what_was_released_was_right(folder: Path) -> None:
    (folder / "released" / "1.1.0.yaml").unlink()
    done = check(folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "  allowed: endpoint added" in done.stdout
    assert "    accepted: " in done.stdout


@pytest.mark.go
def test_a_contract_that_oasdiff_cannot_read_is_not_right(folder: Path) -> None:
    write(folder, "1.2.0", lambda one: one["components"].pop("responses"))
    done = check(folder)
    assert done.returncode == 1
    assert "oasdiff failed" in done.stderr
