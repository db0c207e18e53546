"""Which page comes next, and when a chain of pages cannot be right."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from attrs import define, field

from synapse_sdk.clients import _arguments
from synapse_sdk.exceptions import NotFoundError, ResponseDecodeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from synapse_sdk.clients._request import Request
    from synapse_sdk.exceptions import ClientError

#: How many rows a page is asked to hold when all pages are fetched.
PAGE_SIZE = 100

_BLOCK = 512

_NUMBER = re.compile(r"[0-9]{1,9}")

# Filters that say where a page begins, and so differ from page to page.
_POSITIONS = frozenset({"page", "cursor", "offset"})


@define
class Walk:
    """A walk through all pages of a list.

    Attributes:
        query: What to ask for next, or None after the last page.
        rows: How many rows have come.
    """

    query: Mapping[str, Any] | None
    rows: int = 0
    _total: int | None = None
    _size: int = 0
    _given: Mapping[str, Any] = field(factory=dict)
    _asked: set[str] = field(factory=set)
    _ids: dict[int | str, int] = field(factory=dict)

    def take(self, page: Mapping[str, Any]) -> list[Any]:
        """Return the rows of the page that came for `query`, and go on to the next.

        Of the page's `next` the query alone is used: its host, its scheme and its path are the agent's view of itself,
        which is not the way that this client came.

        Raises:
            ResponseDecodeError: If the chain cannot be right: the page has no list of rows, brings none although more
                are to come, leads back to one that came already, repeats a row, or the rows do not add up to the
                agent's count.
        """
        results, total = page.get("results"), page.get("count")
        if not isinstance(results, list):
            raise _wrong("a page without a list of results came")
        if total is not None and (not isinstance(total, int) or isinstance(total, bool)):
            raise _wrong(f"the page's count is {total!r}, which is no number")
        total = self._total if total is None else total
        following = self._next_query(page.get("next"))
        rows = self.rows + len(results)
        if total is not None and rows > total:
            raise _wrong(f"{rows} rows came where the agent counts {total}")
        if following is None and total is not None and rows < total:
            raise _wrong(f"the last page came after {rows} rows where the agent counts {total}")
        self._asked.add(key(self.query or {}))
        if following is not None and key(following) in self._asked:
            raise _wrong("a page leads back to one that came already")
        if following is not None and not results:
            raise _wrong("an empty page came although more are to come")
        self._refuse_repeated(results)
        self.query, self.rows = following, rows
        self._total, self._size = total, len(results)
        return results

    def ahead(self, most: int) -> list[Mapping[str, Any]]:
        """Return what to ask for next, and then, as far as that can be told before the next page has come.

        Of pages that are numbered, with rows that are counted, it can be told of all; of others only the next is known.

        Args:
            most: How many to return at most.
        """
        if self.query is None:
            return []
        queries = [self.query]
        number = str(self.query.get("page", ""))
        if self._total is not None and _NUMBER.fullmatch(number) and not _POSITIONS & {*self.query} - {"page"}:
            pages = -(-(self._total - self.rows) // self._size)
            queries += [{**self.query, "page": str(int(number) + more)} for more in range(1, min(pages, most))]
        return queries[:most]

    def _refuse_repeated(self, results: list[Any]) -> None:
        for row in results:
            number = row.get("id") if isinstance(row, dict) else None
            if isinstance(number, int | str):
                # Numbers that lie together take a bit each: a set would take some 70 bytes.
                block, bit = divmod(number, _BLOCK) if isinstance(number, int) else (number, 0)
                seen = self._ids.get(block, 0)
                if seen >> bit & 1:
                    raise _wrong(f"row {number!r} came twice, as when records are added meanwhile")
                self._ids[block] = seen | 1 << bit

    def _next_query(self, following: object) -> dict[str, Any] | None:
        if following is None or following == "":
            return None
        if not isinstance(following, str):
            raise _wrong(f"the page's next is {following!r}, which is no URL")
        try:
            given = parse_qs(urlsplit(following).query, keep_blank_values=True)
            following.encode()
        except ValueError:
            raise _wrong(f"the page's next is {following[:200]!r}, which is no URL") from None
        flat = {name: values[0] if len(values) == 1 else values for name, values in given.items()}
        # The caller's filters and page size hold on every page, whatever the agent makes of them.
        held = {name: value for name, value in self._given.items() if name not in _POSITIONS}
        return {**self._given, **flat, **held}


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
    query = {"page_size": _arguments.whole_number("page_size", page_size, least=1), **given}
    return Walk(query=query, given=query)


def located(error: ClientError, walk: Walk, request: Request[Any], base_url: str) -> ClientError:
    """Return an error that ended a walk, with what was asked for last and how many rows had come before."""
    error.rows = walk.rows
    error.method = error.method or request.method
    error.url = error.url or f"{base_url}{request.path}"
    return error


def decisive(errors: Iterable[BaseException | None]) -> BaseException | None:
    """Return the failure of pages that were asked for ahead that ends the walk, if one does.

    A page that is not there is none: the list may have become shorter, and the walk end before it.
    """
    return next((error for error in errors if error is not None and not isinstance(error, NotFoundError)), None)


def key(query: Mapping[str, Any]) -> str:
    """Return what tells a page from others of the same walk."""
    # The first page is the one that is not numbered.
    return repr(sorted((name, str(value)) for name, value in {"page": 1, **query}.items()))


def _wrong(what: str) -> ResponseDecodeError:
    return ResponseDecodeError(200, what, operation="list_containers")
