"""The contract as a page at `/docs`, by Swagger UI, on which operations can be tried.

Nothing of it is secret, so it is served without the token; what is tried on it takes the token as any request does.
"""

import html
from collections.abc import Mapping
from string import Template
from typing import Any

from starlette.responses import Response
from starlette.routing import Route
from swagger_ui_bundle import swagger_ui_path

from synapse_sdk.local_agent import jsontext
from synapse_sdk.local_agent.contract import JSON

# Whatever the page loads or calls must be this agent's. Swagger UI's style sheet holds its icons as `data:` URLs.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_PAGE = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<link rel="icon" type="image/png" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="stylesheet" href="docs/index.css">
<script defer src="docs/swagger-ui-bundle.js"></script>
<script defer src="docs/start.js"></script>
</head>
<body>
<div id="page"></div>
</body>
</html>
""")

# A file of its own, for the policy allows no script within the page.
_START = """\
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#page",
  deepLinking: true,
  validatorUrl: null,
});
"""

_FILES = {
    "favicon-32x32.png": "image/png",
    "index.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
}


def routes(document: Mapping[str, Any]) -> list[Route]:
    """Return the routes of the page, of what it loads, and of the contract as JSON.

    Args:
        document: The contract.
    """
    page = _PAGE.substitute(title=html.escape(document["info"]["title"]))
    return [
        _route("/docs", page.encode(), "text/html"),
        _route("/docs/start.js", _START.encode(), "text/javascript"),
        *(_route(f"/docs/{name}", (swagger_ui_path / name).read_bytes(), kind) for name, kind in _FILES.items()),
        _route("/openapi.json", jsontext.render(document), JSON),
    ]


def _route(path: str, body: bytes, media_type: str) -> Route:
    return Route(path, Response(body, media_type=media_type, headers=_HEADERS), methods=["GET"])
