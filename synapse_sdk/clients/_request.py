"""What is asked of an agent."""

from __future__ import annotations

from enum import Enum
from typing import Any, Generic, TypeVar

from attrs import field, frozen

T_co = TypeVar("T_co", covariant=True)


class Shape(Enum):
    """What an answer must be."""

    OBJECT = "a JSON object"
    ARRAY = "a JSON array"
    TEXT = "text"
    NOTHING = "nothing"


@frozen
class Request(Generic[T_co]):
    """One call of an operation, as the generated client built it.

    Attributes:
        operation: The operation's name in the contract.
        method: The HTTP method, in capitals.
        path: The path below the base URL, with its parameters escaped.
        shape: What the answer must be.
        query: The query's parameters.
        body: What is sent as JSON.
        lasts: Whether the agent may be silent for minutes while it builds, starts or stops a container.
    """

    operation: str
    method: str
    path: str
    shape: Shape
    query: dict[str, Any] | None = None
    body: Any = field(default=None, repr=False)
    lasts: bool = False


def request_from(operation: str, shape: Shape, kwargs: dict[str, Any], *, lasts: bool = False) -> Request[Any]:
    """Return the request that a generated operation's `_get_kwargs` describes.

    Args:
        operation: The operation's name, which is also its generated module's.
        shape: What the answer must be.
        kwargs: What `_get_kwargs` returned: keyword arguments of `httpx.Client.request`.
        lasts: Whether the agent may be silent for minutes.
    """
    return Request(
        operation=operation.rpartition(".")[2],
        method=kwargs["method"].upper(),
        path=kwargs["url"],
        shape=shape,
        query=kwargs.get("params"),
        body=kwargs.get("json"),
        lasts=lasts,
    )
