"""The FastAPI application of a worker: its routes, its pages, and what runs beside the requests."""

import asyncio
import gc
import logging
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from importlib.resources import files
from types import FrameType

from fastapi import APIRouter, FastAPI, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from edge.web import content_policy, with_style
from serving.errors import HANDLED, JsonLine, answer_error
from serving.middleware import REQUEST_ID, BodyMiddleware, KeyMiddleware, RequestMiddleware
from serving.routes import State, classify, models, oip, state_of, summary
from serving.schemas import Status, problems
from serving.settings import Settings

log = logging.getLogger("eyespot.reload")

# What still runs when the requests in flight have had their time is a picture that nobody waits for.
CLOSE_WITHIN_S = 1.0
# Far shorter than the time between two scrapes.
SHOW_DRIFT_EVERY_S = 2.0
DESCRIPTION = "Image classification over HTTP. [Try it on the playground](./playground)."
# BentoML serves the files of Swagger UI.
DOCS = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>eyespot</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="./static_content/swagger-ui.css">
</head>
<body>
<p style="font: 1rem sans-serif; margin: 1rem"><a href="./playground">Playground: try it with a picture</a></p>
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

operations = APIRouter(tags=["operations"])


@operations.get("/livez", response_model=Status, operation_id="livez")
@operations.get("/healthz", response_model=Status, operation_id="healthz")
async def show_live() -> Response:
    """Whether the process lives."""
    return JsonLine({"status": "live"})


@operations.get("/readyz", response_model=Status, operation_id="readyz", responses={503: {"model": Status}})
async def show_ready(request: Request) -> Response:
    """Whether the models are verified and warm; 503 while the service ends."""
    state = state_of(request)
    found = list(map(summary, state.repository.engines))
    if state.is_draining:
        return JsonLine({"status": "draining", "models": found}, 503)
    return JsonLine({"status": "ready", "models": found})


@operations.get("/metrics", operation_id="metrics", response_class=Response, responses=problems(401))
async def show_metrics(request: Request) -> Response:
    """Metrics in Prometheus's text format; those of several workers are in files, so they are read on a thread."""
    text = await asyncio.to_thread(state_of(request).metrics.render)
    return Response(text, media_type=CONTENT_TYPE_LATEST)


@operations.get("/", include_in_schema=False)
async def show_docs() -> Response:
    """The interface as a page."""
    return HTMLResponse(DOCS)


@operations.get("/playground", include_in_schema=False)
async def show_playground() -> Response:
    """A page to try it."""
    return HTMLResponse(PLAYGROUND, headers=PLAYGROUND_HEADERS)


def build_app() -> FastAPI:
    """Return the application; its `state.service` is to be set to a `State` before it is asked."""
    keys = [Security(HTTPBearer(auto_error=False)), Security(APIKeyHeader(name="X-API-Key", auto_error=False))]
    app = FastAPI(
        title="eyespot",
        version=version("eyespot"),
        description=DESCRIPTION,
        servers=[{"url": "."}],
        docs_url=None,
        redoc_url=None,
        openapi_url="/docs.json",
        redirect_slashes=False,  # an unknown path is unknown, with a slash behind it or not
        exception_handlers=dict.fromkeys(HANDLED, answer_error),
        lifespan=_live,
    )
    for router in (classify.router, models.router, oip.router):
        app.include_router(router, dependencies=keys)
    app.include_router(operations)
    return app


def middleware(app: FastAPI, settings: Settings) -> list[Middleware]:
    """Return what goes around the application, and around BentoML's routes beside it, the outermost first."""
    cors = Middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_methods=["GET", "POST"],
        allow_headers=["*"],
        expose_headers=[REQUEST_ID, "Server-Timing", "Retry-After"],
    )
    return [
        Middleware(RequestMiddleware, ours=app),
        *([cors] if settings.cors_origins else []),  # before the key: a browser asks what is allowed without one
        Middleware(KeyMiddleware, ours=app),
        Middleware(BodyMiddleware, ours=app),
    ]


@asynccontextmanager
async def _live(app: FastAPI) -> AsyncIterator[None]:
    """Run what runs beside the requests, and end it and the models after the last of them."""
    state: State = app.state.service
    beside = [asyncio.create_task(keep_fresh(state)), asyncio.create_task(keep_drift_shown(state))]
    restore = _notice_end(state)
    # What is loaded by now never becomes garbage; walking it again and again made the slowest requests.
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        restore()
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        await asyncio.to_thread(state.repository.close, CLOSE_WITHIN_S)


def _notice_end(state: State) -> Callable[[], object]:
    """Have `/readyz` answer 503 as soon as the shutdown begins. Returns a function that undoes it."""
    if threading.current_thread() is not threading.main_thread():
        return lambda: None
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def end(number: int, frame: FrameType | None) -> None:
        state.is_draining = True
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    for number in before:
        signal.signal(number, end)
    return lambda: [signal.signal(number, handler) for number, handler in before.items()]


async def keep_drift_shown(state: State) -> None:
    """Bring the metrics of drift up to date: a scrape reaches one worker only."""
    while True:
        state.metrics.show_drift(state.repository.engines)
        await asyncio.sleep(SHOW_DRIFT_EVERY_S)


async def keep_fresh(state: State) -> None:
    """Look at the model files every so often, and on SIGHUP."""
    asked = asyncio.Event()
    with suppress(RuntimeError, ValueError):  # only the main thread has signals
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, asked.set)
    while True:
        with suppress(TimeoutError):
            await asyncio.wait_for(asked.wait(), state.settings.reload_every_s or None)
        again = asked.is_set()
        asked.clear()  # first: a signal that comes meanwhile asks for another look
        try:
            await refresh(state, again)
        except Exception:  # whatever it is, the next look may go well
            log.exception("an error in looking for new model files; the models stay as they were")
            state.metrics.reloads.labels("failed").inc()


async def refresh(state: State, again: bool = False) -> None:
    """Load the model files that changed, and log it; `again` also tries files that were refused before."""
    fresh, refused = await asyncio.to_thread(state.repository.refresh, again)
    for name in fresh:
        log.info("model loaded", extra={"file": name})
        state.metrics.reloads.labels("ok").inc()
    for reason in refused:
        log.error("a model file was refused, the one before goes on: %s", reason)
        state.metrics.reloads.labels("refused").inc()
    state.metrics.show_models(state.repository.engines)
