"""Health and metrics, for whoever watches over the service."""

import asyncio

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serving.json_line import JsonLine
from serving.state import ServiceState, state_of

# Far shorter than the pause between two scrapes is long.
WRITE_EVERY_S = 1.0


async def show_live(_: Request) -> Response:
    """Answer `GET /livez`."""
    return JsonLine({"status": "live"})


async def show_ready(request: Request) -> Response:
    """Answer `GET /readyz`: a worker takes no request before its models are verified and warm."""
    engines = state_of(request).repository.engines
    models = [{"name": e.spec.name, "version": e.spec.version, "provider": e.provider} for e in engines]
    return JsonLine({"status": "ready", "models": models})


async def show_metrics(request: Request) -> Response:
    """Answer `GET /metrics`; collecting those of all workers reads files, so it runs on a thread."""
    metrics = state_of(request).metrics
    metrics.write()
    return Response(await asyncio.to_thread(metrics.render), media_type=CONTENT_TYPE_LATEST)


async def keep_written(state: ServiceState) -> None:
    """Write what was counted every so often, until cancelled: a scrape reaches one worker only."""
    while True:
        await asyncio.sleep(WRITE_EVERY_S)
        state.metrics.write()


ROUTES = [
    Route("/livez", show_live),
    Route("/healthz", show_live),
    Route("/readyz", show_ready),
    Route("/metrics", show_metrics),
]
