"""Containers that are what a test says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from synapse_sdk.exceptions import (
    ClientTimeoutError,
    ContainerEndedError,
    NotFoundError,
    ServerError,
    ValidationError,
)
from tests.contract import document

if TYPE_CHECKING:
    from collections.abc import Callable

    from synapse_sdk import AgentClient
    from synapse_sdk.testing import ScriptedAgent


def test_a_container_that_is_added_is_there_as_it_was_returned(synapse_agent: ScriptedAgent) -> None:
    added = synapse_agent.add_container()
    assert synapse_agent.client.get_docker_container(added["docker_id"]) == added
    assert synapse_agent.client.get_docker_container(added["docker_id"][:12]) == added
    assert (added["status"], added["running"], added["plugin_release"]) == ("running", True, "sample@1.0.0")
    assert added["name"] == "sample-1.0.0-1"


def test_it_has_a_record_with_all_that_it_was_added_with(synapse_agent: ScriptedAgent) -> None:
    added = synapse_agent.add_container(
        "ocr@2.0",
        status="failed",
        params={"format": "pdf"},
        metadata={"by": "me"},
        labels=["a", "b"],
        exit_code=3,
        status_reason="out of memory",
    )
    record = synapse_agent.client.get_container(added["record_id"] or 0)
    assert record["docker_id"] == added["docker_id"]
    assert record["plugin_release"] == "ocr@2.0"
    assert (record["status"], record["status_reason"], record["exit_code"]) == ("failed", "out of memory", 3)
    assert (record["params"], record["metadata"], record["labels"]) == ({"format": "pdf"}, {"by": "me"}, ["a", "b"])
    assert (added["status"], added["exit_code"], added["labels"]) == ("failed", 3, ["a", "b"])


def test_the_latest_is_the_first_and_records_are_numbered_from_one(synapse_agent: ScriptedAgent) -> None:
    added = [synapse_agent.add_container(f"sample@{number}") for number in range(3)]
    assert [each["record_id"] for each in added] == [1, 2, 3]
    assert synapse_agent.client.list_docker_containers() == added[::-1]
    rows, count = synapse_agent.client.list_containers(list_all=True)
    assert ([row["id"] for row in rows], count) == ([3, 2, 1], 3)
    assert len({each["endpoint"] for each in added}) == 3


@pytest.mark.parametrize(
    ("status", "running", "listens", "exit_code"),
    [
        ("running", True, True, None),
        ("unhealthy", True, True, None),
        ("paused", True, True, None),
        ("starting", True, False, None),
        ("restarting", True, False, None),
        ("building", False, False, None),
        ("created", False, False, None),
        ("hibernating", False, False, None),
        ("exited", False, False, 7),
        ("dead", False, False, 7),
        ("stopped", False, False, 7),
        ("failed", False, False, 7),
    ],
)
def test_what_a_status_means_for_the_rest_of_a_container(
    synapse_agent: ScriptedAgent, status: str, running: bool, listens: bool, exit_code: int | None
) -> None:
    added = synapse_agent.add_container(status=status, exit_code=7)
    record = synapse_agent.client.get_container(added["record_id"] or 0)
    assert (added["status"], added["running"], added["exit_code"]) == (status, running, exit_code)
    assert (record["status"], record["exit_code"]) == (status, exit_code)
    assert (added["endpoint"] is not None, record["host_port"] is not None) == (listens, listens)
    assert record["endpoint"] == added["endpoint"]
    assert (record["ended_at"] is not None) == (exit_code is not None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"plugin_release": "sample"}, "No agent would make this container: .*plugin_release"),
        ({"params": {1: 2, "deep": {"text": "\0"}}}, "No agent would make this container: .*NUL"),
        ({"labels": [7]}, "No agent would make this container: .*labels"),
        ({"status": ""}, "'' is not a status"),
        ({"status": "a\0"}, "is not a status"),
    ],
)
def test_what_no_agent_would_have_is_refused(
    synapse_agent: ScriptedAgent, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        synapse_agent.add_container(**arguments)
    assert synapse_agent.client.list_docker_containers() == []


def test_any_plugin_release_can_be_created_stopped_started_and_deleted(synapse_agent: ScriptedAgent) -> None:
    client = synapse_agent.client
    made = client.create_docker_container(
        "whatever@0.1-beta", params={"a": 1}, envs={"DEBUG": "1"}, metadata={"b": 2}, labels=["c"]
    )
    assert (made["status"], made["running"], made["record_id"], made["labels"]) == ("running", True, 1, ["c"])
    stopped = client.stop_docker_container(made["docker_id"])
    assert (stopped["status"], stopped["running"], stopped["exit_code"]) == ("exited", False, -15)
    assert client.get_container(1)["status"] == "stopped"
    assert client.stop_docker_container(made["docker_id"]) == stopped
    started = client.start_docker_container(made["docker_id"])
    assert started == made
    assert client.start_docker_container(made["docker_id"]) == started
    assert client.get_container(1)["status"] == "running"
    client.delete_docker_container(made["docker_id"])
    assert client.list_docker_containers() == []
    assert client.get_container(1)["status"] == "deleted"
    client.delete_container(1)
    assert client.list_containers()["count"] == 0


def test_one_that_was_added_can_be_changed_like_one_that_was_created(synapse_agent: ScriptedAgent) -> None:
    client = synapse_agent.client
    exited = synapse_agent.add_container(status="exited")
    assert client.start_docker_container(exited["docker_id"])["status"] == "running"
    assert client.update_container(exited["record_id"] or 0, status="mine")["status"] == "mine"
    client.delete_container(exited["record_id"] or 0)
    with pytest.raises(NotFoundError):
        client.get_docker_container(exited["docker_id"])


def test_what_cannot_be_an_environment_is_refused_as_by_an_agent(synapse_agent: ScriptedAgent) -> None:
    with pytest.raises(ValidationError):
        synapse_agent.client.create_docker_container("sample@1.0.0", envs={"A=B": "c"})
    assert synapse_agent.client.list_docker_containers() == []


def test_releases_that_are_named_are_all_that_there_are(synapse_agent: ScriptedAgent) -> None:
    assert synapse_agent.releases is None
    synapse_agent.releases = ["b@1", "a@1"]
    assert sorted(synapse_agent.releases) == ["a@1", "b@1"]
    synapse_agent.client.create_docker_container("a@1")
    with pytest.raises(NotFoundError, match=r"There is no plugin release c@1\. There is a@1, b@1\."):
        synapse_agent.client.create_docker_container("c@1")
    with pytest.raises(ValueError, match="There is no plugin release c@1"):
        synapse_agent.add_container("c@1")
    synapse_agent.releases = ()
    with pytest.raises(NotFoundError, match="There is none at all"):
        synapse_agent.client.create_docker_container("a@1")
    synapse_agent.releases = None
    synapse_agent.client.create_docker_container("c@1")


def test_logs_are_what_was_said_last(synapse_agent: ScriptedAgent) -> None:
    client = synapse_agent.client
    added = synapse_agent.add_container(logs="one\ntwo\nthree\n")["docker_id"]
    assert client.get_docker_container_logs(added) == "one\ntwo\nthree\n"
    assert client.get_docker_container_logs(added, tail=2) == "two\nthree\n"
    assert client.get_docker_container_logs(added, tail=0) == ""
    created = client.create_docker_container("sample@1.0.0")["docker_id"]
    assert client.get_docker_container_logs(created) == ""
    synapse_agent.set_logs(created, "é\n")
    assert client.get_docker_container_logs(created) == "é\n"
    with pytest.raises(ValueError, match="There is no container nope"):
        synapse_agent.set_logs("nope", "")


def test_the_agent_is_well(synapse_agent: ScriptedAgent) -> None:
    assert synapse_agent.client.health_check()["status"] == "ok"


def test_a_status_follows_when_the_one_before_was_read_so_many_times(synapse_agent: ScriptedAgent) -> None:
    client = synapse_agent.client
    docker_id = synapse_agent.add_container()["docker_id"]
    synapse_agent.transition(docker_id[:12], "building", "starting", "running", after_reads=2)
    statuses = [client.get_docker_container(docker_id)["status"] for _ in range(6)]
    assert statuses == ["building", "building", "starting", "starting", "running", "running"]


READS: dict[str, Callable[[AgentClient, str], str]] = {
    "get_docker_container": lambda client, docker_id: client.get_docker_container(docker_id)["status"],
    "list_docker_containers": lambda client, _: client.list_docker_containers()[0]["status"],
    "get_container": lambda client, _: client.get_container(1)["status"],
    "list_containers": lambda client, docker_id: client.list_containers({"docker_id": docker_id})["results"][0][
        "status"
    ],
}


@pytest.mark.parametrize("operation", READS)
def test_every_answer_that_shows_the_container_or_its_record_is_a_read(
    synapse_agent: ScriptedAgent, operation: str
) -> None:
    docker_id = synapse_agent.add_container()["docker_id"]
    synapse_agent.transition(docker_id, "building", "running")
    assert [READS[operation](synapse_agent.client, docker_id) for _ in range(2)] == ["building", "running"]


def test_container_and_record_change_together(synapse_agent: ScriptedAgent) -> None:
    docker_id = synapse_agent.add_container()["docker_id"]
    synapse_agent.transition(docker_id, "running", "exited", exit_code=137, status_reason="out of memory")
    assert READS["get_container"](synapse_agent.client, docker_id) == "running"
    container = synapse_agent.client.get_docker_container(docker_id)
    record = synapse_agent.client.get_container(1)
    assert (container["status"], container["exit_code"], container["endpoint"]) == ("exited", 137, None)
    assert (record["status"], record["exit_code"], record["endpoint"]) == ("exited", 137, None)
    assert record["status_reason"] == "out of memory"


def test_what_does_not_show_the_container_is_no_read(synapse_agent: ScriptedAgent) -> None:
    client = synapse_agent.client.with_options(retries=0)
    docker_id = synapse_agent.add_container("mine@1")["docker_id"]
    other = synapse_agent.add_container("other@1")
    synapse_agent.transition(docker_id, "building", "running")
    client.get_docker_container(other["docker_id"])
    client.list_containers({"plugin_release": "other@1"})
    client.get_docker_container_logs(docker_id)
    synapse_agent.fail_next("get_docker_container", 503)
    with pytest.raises(ServerError):
        client.get_docker_container(docker_id)
    assert client.get_docker_container(docker_id)["status"] == "building"


def test_a_program_that_waits_finds_what_it_waited_for(synapse_agent: ScriptedAgent) -> None:
    docker_id = synapse_agent.client.create_docker_container("sample@1.0.0")["docker_id"]
    synapse_agent.transition(docker_id, "building", "starting", "running", after_reads=2)
    found = synapse_agent.client.wait_for_container(docker_id, poll_interval=0.01)
    assert found["status"] == "running"
    reads = [request.operation for request in synapse_agent.requests[1:]]
    assert reads == ["get_docker_container"] * 5


def test_a_program_that_waits_in_vain_is_told(synapse_agent: ScriptedAgent) -> None:
    client = synapse_agent.client
    docker_id = synapse_agent.add_container(status="starting")["docker_id"]
    with pytest.raises(ClientTimeoutError):
        client.wait_for_container(docker_id, poll_interval=0.01, timeout=0.1)
    synapse_agent.transition(docker_id, "starting", "exited", after_reads=2, exit_code=1)
    with pytest.raises(ContainerEndedError) as caught:
        client.wait_for_container(docker_id, poll_interval=0.01)
    assert caught.value.container["exit_code"] == 1


def test_one_status_alone_is_there_at_once_and_stays(synapse_agent: ScriptedAgent) -> None:
    docker_id = synapse_agent.add_container()["docker_id"]
    synapse_agent.transition(docker_id, "dead")
    assert [READS["get_docker_container"](synapse_agent.client, docker_id) for _ in range(3)] == ["dead"] * 3


@pytest.mark.parametrize(
    ("act", "first", "expected"),
    [
        ("stop_docker_container", "running", ["exited", "exited"]),
        ("start_docker_container", "building", ["running", "running"]),
        # These are left as they are.
        ("stop_docker_container", "building", ["building", "dead"]),
        ("start_docker_container", "running", ["running", "dead"]),
    ],
)
def test_a_container_that_is_started_or_stopped_changes_no_further(
    synapse_agent: ScriptedAgent, act: str, first: str, expected: list[str]
) -> None:
    docker_id = synapse_agent.add_container()["docker_id"]
    synapse_agent.transition(docker_id, first, "dead")
    getattr(synapse_agent.client, act)(docker_id)
    assert [READS["get_docker_container"](synapse_agent.client, docker_id) for _ in range(2)] == expected


def test_a_container_that_was_deleted_changes_no_further(synapse_agent: ScriptedAgent) -> None:
    docker_id = synapse_agent.add_container()["docker_id"]
    synapse_agent.transition(docker_id, "running", "exited")
    synapse_agent.client.delete_docker_container(docker_id)
    assert [READS["get_container"](synapse_agent.client, docker_id) for _ in range(2)] == ["deleted", "deleted"]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (["f" * 12, "running"], {}, "There is no container ffffffffffff"),
        (["{id}"], {}, "one status or more"),
        (["{id}", "running", ""], {}, "'' is not a status"),
        (["{id}", "running", "dead"], {"after_reads": 0}, "after_reads must be 1 or more, not 0"),
    ],
)
def test_a_transition_that_cannot_be_is_refused_and_changes_nothing(
    synapse_agent: ScriptedAgent, arguments: list[str], options: dict[str, Any], message: str
) -> None:
    added = synapse_agent.add_container(status="paused")
    with pytest.raises(ValueError, match=message):
        synapse_agent.transition(*(each.format(id=added["docker_id"]) for each in arguments), **options)
    assert synapse_agent.client.get_docker_container(added["docker_id"]) == added


def test_every_status_of_the_contract_can_be_given(synapse_agent: ScriptedAgent) -> None:
    import re

    statuses = re.findall("`([a-z]+)`", document()["components"]["schemas"]["Status"]["description"])
    assert len(statuses) > 10
    for status in statuses:
        assert synapse_agent.add_container(status=status)["status"] == status
    assert {each["status"] for each in synapse_agent.client.list_docker_containers()} == set(statuses)
