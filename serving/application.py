"""The whole application of a worker: routes, the gate around them, and what runs beside the requests."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect

from edge.errors import ImageError
from serving import api, drift, health, oip, pages
from serving.engine import EngineError
from serving.gate import REQUEST_ID, Gate
from serving.problems import (
    RequestError,
    answer_disconnect,
    answer_engine_error,
    answer_http_error,
    answer_image_error,
    answer_request_error,
)
from serving.reload import keep_fresh
from serving.state import ServiceState

# Requests have had their grace by then: what still runs is a picture that nobody waits for any more.
CLOSE_WITHIN_S = 1.0


def build_app(state: ServiceState) -> Starlette:
    """Return the application around a state whose models are warm."""
    app = Starlette(
        routes=[*api.ROUTES, *drift.ROUTES, *oip.ROUTES, *health.ROUTES, *pages.ROUTES],
        middleware=[*_cors(state.settings.cors_origins), Middleware(Gate, state.settings, state.keys, state.metrics)],
        exception_handlers={
            ImageError: answer_image_error,
            EngineError: answer_engine_error,
            RequestError: answer_request_error,
            HTTPException: answer_http_error,
            ClientDisconnect: answer_disconnect,
        },
        lifespan=_live,
    )
    app.router.redirect_slashes = False  # an unknown path is unknown, with a slash behind it or not
    app.state.service = state
    return app


def _cors(origins: tuple[str, ...]) -> list[Middleware]:
    if not origins:
        return []
    # Around the gate: a browser asks what is allowed before it sends a key.
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=[REQUEST_ID, "Server-Timing"],
        )
    ]


@asynccontextmanager
async def _live(app: Starlette) -> AsyncIterator[None]:
    state: ServiceState = app.state.service
    beside = [asyncio.create_task(keep(state)) for keep in (keep_fresh, drift.keep_shown, health.keep_written)]
    # The imports of BentoML are a large heap that never changes; walking it makes the slowest requests.
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        state.metrics.write()  # the last counts, of requests that are answered by now
        await asyncio.to_thread(state.repository.close, CLOSE_WITHIN_S)
