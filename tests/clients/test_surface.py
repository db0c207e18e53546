"""`AgentClient` and `AsyncAgentClient` are one client, of which one waits in threads and one in tasks."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

from synapse_sdk import AgentClient, AsyncAgentClient

# What a program of threads and a program of tasks write differently.
_TWINS = {
    "__enter__": "__aenter__",
    "__exit__": "__aexit__",
    "Iterator": "AsyncIterator",
    "httpx.BaseTransport": "httpx.AsyncBaseTransport",
    "httpx.Client": "httpx.AsyncClient",
}


def public(kind: type[Any]) -> dict[str, Any]:
    """Return what a class offers: its public names, and the methods that Python calls, but for those of any object."""
    names = [name for name in dir(kind) if not name.startswith("_")]
    names += [name for name in dir(kind) if name.startswith("__") and not hasattr(object, name)]
    left_out = {"__dict__", "__module__", "__weakref__"}
    return {name: inspect.getattr_static(kind, name) for name in names if name not in left_out}


def function(member: Any) -> Any:
    return member.fget if isinstance(member, property) else member


def as_async(text: str) -> str:
    for name, twin in _TWINS.items():
        text = re.sub(rf"(?<![\w.]){re.escape(name)}\b", twin, text)
    return text


def signature(member: Any) -> str:
    """Return how a method is written, without its name: an async one says what it returns when it is awaited."""
    return str(inspect.signature(function(member)))


def differences(sync: type[Any], asynchronous: type[Any]) -> list[str]:
    """Return in what two classes are not twins."""
    ours, theirs = public(sync), public(asynchronous)
    found = [f"{name} is missing in one" for name in {as_async(name) for name in ours} ^ theirs.keys()]
    for name, member in ours.items():
        twin = theirs.get(as_async(name))
        if twin is None or not callable(function(member)):
            continue
        if isinstance(member, property) is not isinstance(twin, property):
            found.append(f"{name} is a property in one")
        elif as_async(signature(member)) != signature(twin):
            found.append(f"{name}{signature(member)} and {signature(twin)}")
        elif member.__doc__ != twin.__doc__:
            found.append(f"{name} is described otherwise")
        elif waits(name, sync) is not inspect.iscoroutinefunction(twin):
            found.append(f"{name} must be a coroutine function exactly if it waits")
    return found


def waits(name: str, kind: type[Any]) -> bool:
    """Return whether a method waits for something, as far as its name and what it returns tell."""
    if name in {"with_options", "__copy__", "api", "base_url"}:
        return False
    return "Iterator" not in signature(public(kind)[name])


def test_both_have_the_same_names_signatures_and_docstrings() -> None:
    assert differences(AgentClient, AsyncAgentClient) == []
    expected = {"create_docker_container", "wait_for_container", "iter_containers", "close", "api", "with_options"}
    assert expected <= public(AgentClient).keys()


def test_both_are_made_from_the_same_arguments() -> None:
    made = inspect.signature(AgentClient.__init__)
    twin = inspect.signature(AsyncAgentClient.__init__)
    assert as_async(str(made)) == str(twin)


@pytest.mark.parametrize("changed", [AgentClient, AsyncAgentClient], ids=lambda kind: kind.__name__)
def test_a_method_that_one_alone_has_is_found(changed: type[Any]) -> None:
    grown = type("Grown", (changed,), {"pause_docker_container": lambda self, container_id: (self, container_id)})
    pair = [grown if kind is changed else kind for kind in (AgentClient, AsyncAgentClient)]
    assert differences(*pair) == ["pause_docker_container is missing in one"]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("get_container", "signature"),
        ("delete_container", "docstring"),
        ("update_container", "synchronous"),
        ("api", "no property"),
    ],
)
def test_a_method_that_differs_is_found(name: str, change: str) -> None:
    original = getattr(AsyncAgentClient, name)

    async def other(self: Any, number: int) -> None: ...

    async def undocumented(self: Any, container_id: int) -> None: ...

    def synchronous(self: Any, container_id: int, status: str) -> Any: ...

    undocumented.__signature__ = synchronous.__signature__ = inspect.signature(original) if callable(original) else None  # type: ignore[attr-defined]
    other.__doc__ = synchronous.__doc__ = original.__doc__
    method = {"signature": other, "docstring": undocumented, "synchronous": synchronous, "no property": other}[change]
    changed = type("Changed", (AsyncAgentClient,), {name: method})
    [found] = differences(AgentClient, changed)
    assert found.startswith(name)
