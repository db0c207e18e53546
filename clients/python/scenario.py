"""The conformance scenario with the SDK: python -m clients.python.scenario sync|async."""

import asyncio
import os
import sys
from collections.abc import Callable
from typing import Any

from clients.python.checks import Checks
from synapse_sdk import AgentClient, AsyncAgentClient
from synapse_sdk.exceptions import (
    AuthenticationError,
    ClientError,
    NotFoundError,
    RateLimitError,
    ValidationError,
)

URL, TOKEN = os.environ["SYNAPSE_AGENT_URL"], os.environ["SYNAPSE_AGENT_TOKEN"]
SCRIPTED = os.environ["SYNAPSE_SCRIPTED_URL"]
RELEASE = "my_plugin@1.0.0"
PARAMS = {"input": "data", "nested": {"list": [1, 2.5, True, None]}, "text": "ä漢🚀"}
METADATA = {"created_by": "conformance"}
LABELS = ["production", "ml-model"]


class Awaited:
    """An asynchronous client, each of whose calls is awaited at once."""

    def __init__(self, runner: asyncio.Runner, *arguments: Any, **options: Any) -> None:
        self._runner = runner
        self._client = AsyncAgentClient(*arguments, **options)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def called(*arguments: Any, **options: Any) -> Any:
            return await getattr(self._client, name)(*arguments, **options)

        return lambda *arguments, **options: self._runner.run(called(*arguments, **options))

    def close(self) -> None:
        """Close it."""
        self._runner.run(self._client.close())


def raised(kind: type[ClientError], status: int, call: Callable[[], object]) -> ClientError:
    """Return the error that a call raises, which is of this kind and has this status."""
    try:
        call()
    except kind as caught:
        error = caught
    else:
        raise AssertionError("it was answered")
    assert error.status_code == status, error
    return error


def scenario(make: Callable[..., Any]) -> int:
    check = Checks()
    client, scripted = make(URL, TOKEN), make(SCRIPTED, retries=0)
    first: dict[str, Any] = {}
    second: dict[str, Any] = {}

    def denied(*credentials: str) -> ClientError:
        other = make(URL, *credentials)
        try:
            return raised(AuthenticationError, 401, other.list_docker_containers)
        finally:
            other.close()

    @check("no token")
    def _() -> None:
        # A client without a token takes it from the environment.
        del os.environ["SYNAPSE_AGENT_TOKEN"]
        denied()

    @check("wrong token")
    def _() -> None:
        error = denied("wrong")
        assert isinstance(error.detail, str)
        assert error.detail

    @check("list")
    def _() -> None:
        assert client.list_docker_containers() == []

    @check("create")
    def _() -> None:
        first.update(
            client.create_docker_container(
                RELEASE, params=PARAMS, envs={"DEBUG": "true"}, metadata=METADATA, labels=LABELS
            )
        )
        assert first["docker_id"] == first["id"]
        assert (first["plugin_release"], first["labels"]) == (RELEASE, LABELS)

    @check("get")
    def _() -> None:
        found = client.get_docker_container(first["docker_id"])
        assert (found["running"], found["status"]) == (True, "running")
        assert found["endpoint"].startswith("http://127.0.0.1:")

    @check("record")
    def _() -> None:
        record = client.get_container(first["record_id"])
        assert (record["params"], record["metadata"], record["labels"]) == (PARAMS, METADATA, LABELS)

    @check("one segment")
    def _() -> None:
        name = "a/b?c#d é漢"
        assert name in raised(NotFoundError, 404, lambda: client.get_docker_container(name)).detail

    @check("two pages")
    def _() -> None:
        second.update(client.create_docker_container(RELEASE))
        query = {"plugin_release": RELEASE, "page_size": 1}
        page = client.list_containers({**query, "page": 1})
        assert [record["id"] for record in page["results"]] == [second["record_id"]]
        assert page["count"] == 2
        assert page["next"]
        page = client.list_containers({**query, "page": 2})
        assert [record["id"] for record in page["results"]] == [first["record_id"]]
        assert page["next"] is None

    @check("filter")
    def _() -> None:
        assert len(client.list_containers({"status": "running"})["results"]) == 2
        assert client.list_containers({"status": "stopped"})["results"] == []

    @check("another filter")
    def _() -> None:
        [record] = client.list_containers({"docker_id": first["docker_id"]})["results"]
        assert record["id"] == first["record_id"]

    @check("update")
    def _() -> None:
        assert client.update_container(second["record_id"], status="stopped")["status"] == "stopped"
        assert client.get_container(second["record_id"])["status"] == "stopped"

    @check("invalid")
    def _() -> None:
        error = raised(ValidationError, 422, lambda: client.create_docker_container("no-version"))
        [field, *_] = error.detail
        assert field["loc"] == ["body", "plugin_release"]
        assert field["type"]
        assert field["msg"]

    @check("logs")
    def _() -> None:
        assert isinstance(client.get_docker_container_logs(first["docker_id"], tail=1), str)

    @check("unknown fields")
    def _() -> None:
        [container] = scripted.list_docker_containers()
        assert (container["docker_id"], container["running"]) == ("0123456789ab", False)

    @check("unknown status")
    def _() -> None:
        [container] = scripted.list_docker_containers()
        assert container["status"] == "hibernating"

    @check("null optionals")
    def _() -> None:
        [container] = scripted.list_docker_containers()
        names = ("name", "image", "endpoint", "plugin_release", "labels", "created_at", "record_id", "exit_code")
        assert [container[name] for name in names] == [None] * len(names)
        assert set(scripted.get_container(7)).isdisjoint({"docker_id", "endpoint", "params", "labels", "created_at"})

    @check("unknown fields in a page")
    def _() -> None:
        page = scripted.list_containers()
        assert "count" not in page
        assert [record["status"] for record in page["results"]] == ["hibernating"]

    @check("too many requests")
    def _() -> None:
        error = raised(RateLimitError, 429, lambda: scripted.get_docker_container("0123456789ab"))
        assert error.retry_after == 7
        assert error.detail == "Too many requests."

    @check("delete")
    def _() -> None:
        assert client.delete_docker_container(first["docker_id"]) is None

    @check("delete again")
    def _() -> None:
        raised(NotFoundError, 404, lambda: client.delete_docker_container(first["docker_id"]))

    @check("delete record")
    def _() -> None:
        client.delete_container(second["record_id"])
        raised(NotFoundError, 404, lambda: client.get_container(second["record_id"]))

    client.close()
    scripted.close()
    return check.close()


if __name__ == "__main__":
    if sys.argv[1:] == ["async"]:
        with asyncio.Runner() as runner:
            sys.exit(scenario(lambda *arguments, **options: Awaited(runner, *arguments, **options)))
    sys.exit(scenario(AgentClient))
