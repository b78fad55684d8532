"""Drift, for whoever watches over a model: how far its last pictures are from those that it was trained on.

Every worker watches the pictures that it answered itself. They are a fair sample of all, since connections are
shared out evenly, and so none has to tell the others.
"""

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serving.drift_window import DRIFTED, LEAST_PICTURES, SHIFTED, DriftWindow
from serving.engine import Engine
from serving.json_line import JsonLine
from serving.state import ServiceState, state_of

# Far shorter than the pause between two scrapes is long.
SHOW_EVERY_S = 2.0
METHOD = "Jensen-Shannon distance, base 2"


async def show_drift(request: Request) -> Response:
    """Answer `GET /v1/models/{name}/drift`. Raises RequestError 404."""
    repository = state_of(request).repository
    return JsonLine(describe_drift(repository.find(request.path_params["name"], request.path_params.get("version"))))


def describe_drift(engine: Engine) -> dict[str, Any]:
    """Return the answer for one model: a verdict on the whole, and each feature's distance."""
    head = {"model": engine.spec.name, "version": engine.spec.version}
    if (window := engine.window) is None:
        return head | {"verdict": "no_fingerprint", "pictures": 0, "features": {}}
    return head | {
        "verdict": window.verdict(),
        "pictures": len(window),
        "window": window.length,
        "least_pictures": LEAST_PICTURES,
        "method": METHOD,
        "thresholds": {"shifted": SHIFTED, "drifted": DRIFTED},
        "features": _describe_features(window),
    }


def _describe_features(window: DriftWindow) -> dict[str, Any]:
    return {
        name: {
            "distance": round(feature.distance, 4),
            "by_chance": round(feature.by_chance, 4),
            "beyond_chance": round(feature.beyond_chance, 4),
            "verdict": feature.verdict if window.is_telling else "too_few_pictures",
        }
        for name, feature in window.features().items()
    }


async def keep_shown(state: ServiceState) -> None:
    """Bring the metrics of drift up to date every so often, until cancelled: a scrape reaches one worker only."""
    while True:
        state.metrics.show_drift(state.repository.engines)
        await asyncio.sleep(SHOW_EVERY_S)


ROUTES = [
    Route("/v1/models/{name}/drift", show_drift),
    Route("/v1/models/{name}/versions/{version}/drift", show_drift),
]
