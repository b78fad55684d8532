"""`GET /v1/models...`: what is served, and how far its pictures have drifted from those of the training."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from serving.errors import JsonLine
from serving.routes import NamedEngine, spec_fields, state_of, summary
from serving.schemas import Drift, Model, Models, problems

router = APIRouter(tags=["models"])


@router.get("/v1/models", response_model=Models, operation_id="listModels", responses=problems(401))
async def list_models(request: Request) -> Response:
    """Which models are served; the first is the default."""
    engines = state_of(request).repository.engines
    return JsonLine({"models": [summary(engine) | {"default": engine is engines[0]} for engine in engines]})


@router.get("/v1/models/{name}", response_model=Model, operation_id="showModel", responses=problems(401, 404))
@router.get(
    "/v1/models/{name}/versions/{version}",
    response_model=Model,
    operation_id="showModelVersion",
    responses=problems(401, 404),
)
async def show_model(request: Request, engine: NamedEngine) -> Response:
    """A model, its whole spec, the files that hold the same network, and what runs it."""
    repository = state_of(request).repository
    versions = [other.spec.version for other in repository.versions(engine.spec.name)]
    fields = {"versions": versions, "variants": repository.variants(engine), "spec": spec_fields(engine)}
    return JsonLine(summary(engine) | fields)


@router.get("/v1/models/{name}/drift", response_model=Drift, operation_id="showDrift", responses=problems(401, 404))
@router.get(
    "/v1/models/{name}/versions/{version}/drift",
    response_model=Drift,
    operation_id="showDriftVersion",
    responses=problems(401, 404),
)
async def show_drift(engine: NamedEngine) -> Response:
    """How far the last pictures, of the worker that answers, are from those that the model was trained on."""
    head = {"model": engine.spec.name, "version": engine.spec.version}
    if engine.window is None:
        return JsonLine(head | {"verdict": "no_fingerprint", "pictures": 0, "features": {}})
    return JsonLine(head | engine.window.describe())
