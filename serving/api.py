"""The HTTP interface: routes from requests to the engine and back."""

from dataclasses import asdict

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from edge.answer import region_fields
from edge.errors import ImageError
from serving.body import read_image_body
from serving.engine import Engine
from serving.json_line import JsonLine
from serving.openapi import PAGE, describe_api
from serving.problems import (
    RequestError,
    answer_disconnect,
    answer_http_error,
    answer_image_error,
    answer_request_error,
)
from serving.settings import LONGEST_NUMBER, Settings

DEFAULT_TOP_K = 5


async def classify(request: Request) -> Response:
    """Answer `POST /v1/classify`: the body is an image, the answer its predictions."""
    engine: Engine = request.app.state.engine
    settings: Settings = request.app.state.settings
    top_k = _parse_top_k(request.query_params.get("top_k", str(DEFAULT_TOP_K)))
    encoded = await read_image_body(request, settings.max_body_bytes)
    classification = await engine.classify(encoded, top_k)
    answer = {
        "model": engine.spec.name,
        "version": engine.spec.version,
        "predictions": [asdict(prediction) for prediction in classification.predictions],
        "unsure": classification.unsure,
        **region_fields(classification),
    }
    return JsonLine(answer | ({"note": classification.note} if classification.note else {}))


def _parse_top_k(text: str) -> int:
    digits = text.lstrip("0")
    if not (digits.isascii() and digits.isdecimal()):
        raise RequestError(400, "bad_parameter", f"top_k must be a whole number of at least 1. Received: {text[:40]!r}")
    return int(digits[:LONGEST_NUMBER])


async def show_docs(_: Request) -> Response:
    """Answer `GET /`: the interface as a page."""
    return HTMLResponse(PAGE)


async def show_openapi(_: Request) -> Response:
    """Answer `GET /docs.json`: the interface as OpenAPI."""
    return JsonLine(describe_api())


def build_app() -> Starlette:
    """Return the application; its owner puts `settings` and a warm `engine` into its state before it serves."""
    return Starlette(
        routes=[
            Route("/v1/classify", classify, methods=["POST"]),
            Route("/docs.json", show_openapi),
            Route("/", show_docs),
        ],
        exception_handlers={
            ImageError: answer_image_error,
            RequestError: answer_request_error,
            HTTPException: answer_http_error,
            ClientDisconnect: answer_disconnect,
        },
    )
