"""The pages: `/` describes the interface, `/playground` is for trying it. Neither loads anything from elsewhere."""

from importlib.resources import files
from pathlib import Path

import bentoml
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from edge.web.style import content_policy, with_style
from serving.json_line import JsonLine
from serving.openapi import describe_api

# BentoML ships the Swagger UI; its own page around it would load a tracker from outside.
SWAGGER_UI = Path(bentoml.__file__).parent / "_internal" / "server" / "static_content"
DOCS = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>eyespot</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="./static_content/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="./static_content/swagger-ui-bundle.js"></script>
<script>SwaggerUIBundle({url: "./docs.json", dom_id: "#swagger-ui"});</script>
</body>
</html>
"""
PLAYGROUND = with_style(files("serving").joinpath("playground.html").read_text(encoding="utf-8"))
PLAYGROUND_HEADERS = {
    "Content-Security-Policy": content_policy(PLAYGROUND, "img-src blob: data:; media-src blob:"),
    "X-Content-Type-Options": "nosniff",
}


async def show_docs(_: Request) -> Response:
    """Answer `GET /`: the interface as a page."""
    return HTMLResponse(DOCS)


async def show_openapi(_: Request) -> Response:
    """Answer `GET /docs.json`: the interface as OpenAPI."""
    return JsonLine(describe_api())


async def show_playground(_: Request) -> Response:
    """Answer `GET /playground`."""
    return HTMLResponse(PLAYGROUND, headers=PLAYGROUND_HEADERS)


ROUTES = [
    Route("/", show_docs),
    Route("/docs.json", show_openapi),
    Route("/playground", show_playground),
    Mount("/static_content", StaticFiles(directory=SWAGGER_UI)),
]
