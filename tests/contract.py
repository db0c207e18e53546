"""Holds requests and answers against the contract, with openapi-core."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml
from attrs import define
from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from werkzeug.datastructures import Headers, ImmutableMultiDict

from synapse_sdk.contract import contract_path

if TYPE_CHECKING:
    from werkzeug import Request


@cache
def contract() -> OpenAPI:
    return OpenAPI.from_file_path(str(contract_path()))


@cache
def document() -> dict[str, Any]:
    loaded = yaml.safe_load(contract_path().read_text())
    assert isinstance(loaded, dict)
    return loaded


def example(name: str) -> Any:
    """Return an example body of the contract."""
    return document()["components"]["examples"][name]["value"]


@define
class SeenRequest:
    """A request in openapi-core's form, with its path as it was on the wire, below the base URL's prefix."""

    host_url: str
    path: str
    method: str
    content_type: str
    body: bytes | None
    parameters: RequestParameters


def seen(request: Request, prefix: str) -> SeenRequest:
    path = urlsplit(request.environ["RAW_URI"]).path
    assert path.startswith(prefix)
    return SeenRequest(
        host_url=request.host_url,
        path=path.removeprefix(prefix),
        method=request.method.lower(),
        content_type=request.mimetype,
        body=request.get_data() or None,
        parameters=RequestParameters(
            query=ImmutableMultiDict(request.args),
            header=Headers(request.headers),
            cookie=ImmutableMultiDict(request.cookies),
        ),
    )


def check_request(request: Request, prefix: str = "") -> None:
    """Raise when a request is not one that the contract describes."""
    contract().validate_request(seen(request, prefix))
