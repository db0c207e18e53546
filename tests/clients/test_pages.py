"""All pages of a list, as one list."""

from __future__ import annotations

from json import dumps
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest
from werkzeug import Request, Response
from werkzeug.datastructures import MultiDict

from synapse_sdk import AgentClient, exceptions

if TYPE_CHECKING:
    from pytest_httpserver import HTTPServer


def serve_pages(server: HTTPServer, pages: dict[str, dict[str, Any]]) -> None:
    """Answer each query string with its page."""
    for query, page in pages.items():
        # Compared by name and value: the order of a query says nothing.
        wanted = MultiDict(parse_qsl(query))
        server.expect_request("/containers/", query_string=wanted).respond_with_json(page)


def rows(*ids: int) -> list[dict[str, Any]]:
    return [{"id": number, "plugin_release": "a@1", "status": "running"} for number in ids]


def test_one_page_comes_back_as_the_dictionary_that_the_agent_sent(server: HTTPServer, client: AgentClient) -> None:
    page = {"count": 9, "next": "http://elsewhere/?page=2", "previous": None, "results": rows(1), "extra": 1}
    server.expect_request("/containers/").respond_with_json(page)
    assert client.list_containers() == page
    assert client.list_containers({"status": "running"}, list_all=False) == page


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "http://10.0.0.7:8000/containers/",
        "https://internal/prefix/containers/",
        "/containers/",
        "{self}/containers/",
    ],
)
def test_all_pages_come_wherever_next_points_since_only_its_query_counts(
    server: HTTPServer, client: AgentClient, origin: str
) -> None:
    url = origin.format(self=client.base_url)
    serve_pages(
        server,
        {
            "page_size=100": {"count": 5, "next": f"{url}?page=2&page_size=100", "results": rows(5, 4)},
            "page_size=100&page=2": {"count": 5, "next": f"{url}?page=3&page_size=100", "results": rows(3, 2)},
            "page_size=100&page=3": {"count": 5, "next": None, "results": rows(1)},
        },
    )
    assert client.list_containers(list_all=True) == (rows(5, 4, 3, 2, 1), 5)
    assert len(server.log) == 3


def test_the_callers_filters_and_page_size_hold_on_every_page(server: HTTPServer, client: AgentClient) -> None:
    filters = "page_size=2&status=running&label=a&label=b+c"
    serve_pages(
        server,
        {
            filters: {"count": 3, "next": "http://x/?page=2", "results": rows(3, 2)},
            f"{filters}&page=2": {"count": 3, "next": None, "results": rows(1)},
        },
    )
    listed, total = client.list_containers(
        params={"page_size": 2, "status": "running", "label": ["a", "b c"], "owner": None}, list_all=True
    )
    assert (listed, total) == (rows(3, 2, 1), 3)
    assert type(listed) is list
    assert type(total) is int


def test_a_next_that_names_other_filters_does_not_replace_the_callers(server: HTTPServer, client: AgentClient) -> None:
    serve_pages(
        server,
        {
            "page_size=2&status=running": {
                "count": 3,
                "next": "?page=2&status=stopped&page_size=7",
                "results": rows(3, 2),
            },
            "page_size=2&status=running&page=2": {"count": 3, "next": None, "results": rows(1)},
        },
    )
    listed = list(client.iter_containers({"status": "running"}, page_size=2))
    assert listed == rows(3, 2, 1)


def test_a_cursor_that_follows_a_numbered_page_stands_alone(server: HTTPServer, client: AgentClient) -> None:
    serve_pages(
        server,
        {
            "page_size=100": {"next": "?page=2", "results": rows(3)},
            "page_size=100&page=2": {"next": "?cursor=zz", "results": rows(2)},
            "page_size=100&cursor=zz": {"next": None, "results": rows(1)},
        },
    )
    assert client.list_containers(list_all=True) == (rows(3, 2, 1), 3)


def test_iterating_checks_its_arguments_at_once(client: AgentClient) -> None:
    with pytest.raises(ValueError, match="params must not name a page"):
        client.iter_containers({"page": 2})


def test_pages_by_an_opaque_cursor_come_without_a_count(server: HTTPServer, client: AgentClient) -> None:
    serve_pages(
        server,
        {
            "page_size=100": {"next": "http://x/?cursor=cD0y%2B%2F%3D", "results": rows(3, 2)},
            "page_size=100&cursor=cD0y%2B%2F%3D": {"next": None, "results": rows(1)},
        },
    )
    assert client.list_containers(list_all=True) == (rows(3, 2, 1), 3)


def test_no_records_are_an_empty_list_and_a_total_of_0(server: HTTPServer, client: AgentClient) -> None:
    server.expect_request("/containers/").respond_with_json({"count": 0, "next": None, "results": []})
    assert client.list_containers(list_all=True) == ([], 0)


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ({"count": 1, "next": None}, "a page without a list of results came"),
        ({"results": {"id": 1}}, "a page without a list of results came"),
        ({"count": 1, "next": None, "results": rows(1, 2)}, "2 rows came where the agent counts 1"),
        ({"count": 3, "next": None, "results": rows(1)}, "the last page came after 1 rows where the agent counts 3"),
        ({"count": "1", "next": None, "results": rows(1)}, "the page's count is '1', which is no number"),
        ({"count": True, "next": None, "results": rows(1)}, "the page's count is True, which is no number"),
        ({"next": "http://x/?page_size=100", "results": rows(1)}, "a page leads back to one that came already"),
        ({"next": 2, "results": rows(1)}, "the page's next is 2, which is no URL"),
    ],
)
def test_a_page_that_cannot_be_right_is_an_error_and_no_short_list(
    server: HTTPServer, client: AgentClient, page: dict[str, Any], text: str
) -> None:
    server.expect_request("/containers/").respond_with_json(page)
    with pytest.raises(exceptions.ResponseDecodeError, match="list_containers") as caught:
        client.list_containers(list_all=True)
    assert text in str(caught.value)


def test_a_last_page_without_a_count_does_not_hide_that_rows_are_missing(
    server: HTTPServer, client: AgentClient
) -> None:
    serve_pages(
        server,
        {
            "page_size=100": {"count": 3, "next": "?cursor=a", "results": rows(1)},
            "page_size=100&cursor=a": {"next": None, "results": rows(2)},
        },
    )
    with pytest.raises(exceptions.ResponseDecodeError, match="came after 2 rows where the agent counts 3"):
        client.list_containers(list_all=True)


def test_a_circle_of_pages_ends_in_an_error(server: HTTPServer, client: AgentClient) -> None:
    def answer(request: Request) -> Response:
        page = int(request.args.get("page", 1))
        body = {"next": f"http://x/?page={page % 3 + 1}", "results": rows(page)}
        return Response(dumps(body), content_type="application/json")

    server.expect_request("/containers/").respond_with_handler(answer)
    with pytest.raises(exceptions.ResponseDecodeError, match="leads back"):
        client.list_containers(list_all=True)
    assert len(server.log) <= 4


def test_a_bare_array_is_an_error(server: HTTPServer, client: AgentClient) -> None:
    server.expect_request("/containers/").respond_with_json(rows(1))
    for list_all in (False, True):
        with pytest.raises(exceptions.ResponseDecodeError, match="a JSON object was due"):
            client.list_containers(list_all=list_all)
