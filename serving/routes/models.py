"""`GET /v1/models...`: what is served, and how far its pictures have drifted from those of the training."""

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from serving.errors import JsonLine
from serving.routes import NamedEngine, add_model_routes, state_of, summary
from serving.schemas import Drift, Model, Models, problems

router = APIRouter(tags=["models"])


@router.get("/v1/models", response_model=Models, operation_id="listModels", responses=problems(401))
async def list_models(request: Request) -> Response:
    """Which models are served; the first is the default."""
    engines = state_of(request).repository.engines
    return JsonLine({"models": [summary(engine) | {"default": engine is engines[0]} for engine in engines]})


async def show_model(request: Request, engine: NamedEngine) -> Response:
    """A model, its whole spec, and what runs it."""
    versions = [other.spec.version for other in state_of(request).repository.versions(engine.spec.name)]
    return JsonLine(summary(engine) | {"versions": versions, "spec": msgspec.to_builtins(engine.spec)})


async def show_drift(engine: NamedEngine) -> Response:
    """How far the last pictures, of the worker that answers, are from those that the model was trained on."""
    head = {"model": engine.spec.name, "version": engine.spec.version}
    if engine.window is None:
        return JsonLine(head | {"verdict": "no_fingerprint", "pictures": 0, "features": {}})
    return JsonLine(head | engine.window.describe())


GET = {"methods": ["GET"], "responses": problems(401, 404)}
add_model_routes(router, "/v1/models", "", show_model, "showModel", response_model=Model, **GET)
add_model_routes(router, "/v1/models", "/drift", show_drift, "showDrift", response_model=Drift, **GET)
