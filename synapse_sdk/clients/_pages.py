"""Which page comes next, and when a chain of pages cannot be right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from attrs import evolve, frozen

from synapse_sdk.clients import _arguments
from synapse_sdk.exceptions import ResponseDecodeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from synapse_sdk.clients._request import Request
    from synapse_sdk.exceptions import ClientError

#: How many rows a page is asked to hold when all pages are fetched.
PAGE_SIZE = 100


@frozen
class Walk:
    """How far a walk through all pages has come.

    Attributes:
        query: What to ask for next, or None after the last page.
        rows: How many rows have come.
        total: How many there are, as the agent last said; None when it does not say.
        seen: What was asked for already.
    """

    query: Mapping[str, Any] | None
    rows: int = 0
    total: int | None = None
    seen: frozenset[str] = frozenset()

    def after(self, page: Mapping[str, Any]) -> Walk:
        """Return the walk after a page that came for `query`.

        Of the page's `next` the query alone is used: its host, its scheme and its path are the agent's view of
        itself, which is not the way that this client came.

        Raises:
            ResponseDecodeError: If the page has no list of rows, leads back to one that came already, or the rows do
                not add up to the agent's count.
        """
        results = page.get("results")
        if not isinstance(results, list):
            raise _wrong("a page without a list of results came")
        rows = self.rows + len(results)
        total = page.get("count")
        if total is not None and (not isinstance(total, int) or isinstance(total, bool)):
            raise _wrong(f"the page's count is {total!r}, which is no number")
        if total is not None and rows > total:
            raise _wrong(f"{rows} rows came where the agent counts {total}")
        query = self._next_query(page.get("next"))
        if query is None and total is not None and rows < total:
            raise _wrong(f"the last page came after {rows} rows where the agent counts {total}")
        seen = self.seen | {_key(self.query or {})}
        if query is not None and _key(query) in seen:
            raise _wrong("a page leads back to one that came already")
        return evolve(self, query=query, rows=rows, total=total, seen=seen)

    def _next_query(self, following: object) -> dict[str, Any] | None:
        if following is None or following == "":
            return None
        if not isinstance(following, str):
            raise _wrong(f"the page's next is {following!r}, which is no URL")
        given = parse_qs(urlsplit(following).query, keep_blank_values=True)
        flat = {name: values[0] if len(values) == 1 else values for name, values in given.items()}
        return {**(self.query or {}), **flat}


def first(filters: Mapping[str, Any] | None, page_size: int = PAGE_SIZE) -> Walk:
    """Return the walk before the first page.

    Args:
        filters: The caller's filters, which hold on every page.
        page_size: How many rows to ask for at once, unless the filters have a `page_size`.

    Raises:
        ValueError: If the filters name a page: all pages are to come.
    """
    given = _arguments.query("params", {} if filters is None else filters)
    if "page" in given:
        raise ValueError("params must not name a page where all pages are fetched")
    return Walk(query={"page_size": _arguments.count("page_size", page_size), **given})


def located(error: ClientError, walk: Walk, request: Request[Any], base_url: str) -> ClientError:
    """Return an error that ended a walk, with what was asked for last and how many rows had come before."""
    error.rows = walk.rows
    error.method = error.method or request.method
    error.url = error.url or f"{base_url}{request.path}"
    return error


def _key(query: Mapping[str, Any]) -> str:
    return repr(sorted((name, str(value)) for name, value in query.items()))


def _wrong(what: str) -> ResponseDecodeError:
    return ResponseDecodeError(200, what, operation="list_containers")
