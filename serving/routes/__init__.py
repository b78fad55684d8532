"""What all routes share: the state of a worker, and the way from pictures to answers."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request

from edge.errors import ImageError
from edge.result import Classification, classification_fields
from serving.auth import ApiKeys
from serving.errors import EngineError, error_code
from serving.inference.engine import Answer, Engine
from serving.inference.repository import Repository
from serving.metrics import Metrics
from serving.middleware import Admission
from serving.settings import Settings

TopK = Annotated[int, Query(ge=1, description="how many predictions, from the most to the least likely")]
MinProbability = Annotated[
    float, Query(ge=0, le=1, description="an answer is `unsure` below it, or below the model's own threshold if higher")
]


@dataclass
class State:
    """A worker that is ready: its settings, its warm models, and what it counts."""

    settings: Settings
    repository: Repository
    admission: Admission
    keys: ApiKeys
    metrics: Metrics
    is_draining: bool = False

    @classmethod
    def load(cls, settings: Settings, provider: str) -> "State":
        """Load all models and return the state. Raises what loading them raises, and UsageError."""
        keys = ApiKeys([key.get_secret_value() for key in settings.api_keys], settings.api_keys_file)
        repository = Repository(settings, provider)
        metrics = Metrics()
        metrics.show_models(repository.engines)
        admission = Admission(settings.max_waiting, settings.max_memory_bytes // 2, metrics.waiting.set)
        return cls(settings, repository, admission, keys, metrics)


def state_of(request: Request) -> State:
    """Return the state of the application that got `request`."""
    return cast(State, request.app.state.service)


async def engine_of(request: Request) -> Engine:
    """Return the engine that the path names, or the default one. Raises RequestError 404.

    A coroutine, or FastAPI would call it on another thread.
    """
    repository = state_of(request).repository
    return repository.find(request.path_params.get("name"), request.path_params.get("version"))


NamedEngine = Annotated[Engine, Depends(engine_of)]


def add_model_routes(
    router: APIRouter, prefix: str, suffix: str, endpoint: Callable[..., Any], operation_id: str, **options: Any
) -> None:
    """Add a route of a model, and the same of one of its versions. `engine_of` reads their parameters."""
    extra = options.pop("openapi_extra", {})
    for path, names, ending in (
        ("{name}", ["name"], ""),
        ("{name}/versions/{version}", ["name", "version"], "Version"),
    ):
        parameters = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
        described = extra | {"parameters": [*parameters, *extra.get("parameters", [])]}
        path = f"{prefix}/{path}{suffix}"
        router.add_api_route(path, endpoint, operation_id=operation_id + ending, openapi_extra=described, **options)


async def outcomes(futures: Sequence["Future[Answer]"]) -> list[Answer | ImageError | EngineError]:
    """Return the answers, or in their places the errors of single pictures; to cancel it cancels all."""
    found = await asyncio.gather(*map(asyncio.wrap_future, futures), return_exceptions=True)
    for one in found:
        if not isinstance(one, Answer | ImageError | EngineError):
            raise one
    return cast(list[Answer | ImageError | EngineError], found)


def count(
    state: State, engine: Engine, found: Answer | ImageError | EngineError, top_k: int = 1, min_probability: float = 0.0
) -> Classification | None:
    """Return what an answer means, and count it for the metrics and for drift; None for a picture's error."""
    if not isinstance(found, Answer):
        state.metrics.count_failure(engine, error_code(found))
        engine.statistics.failures += 1
        return None
    classification = found.classify(engine.spec, top_k, min_probability)
    state.metrics.count_answer(engine, found.timing, found.leads, classification)
    engine.record(found, classification)
    return classification


def describe(
    state: State, engine: Engine, found: Answer | ImageError | EngineError, top_k: int, min_probability: float
) -> dict[str, Any]:
    """Return the fields of one picture's answer or error, and count it."""
    classification = count(state, engine, found, top_k, min_probability)
    if classification is None:
        error = cast(ImageError | EngineError, found)
        return {"error": {"code": error_code(error), "message": str(error)}}
    fields = classification_fields(classification)
    return {name: value for name, value in fields.items() if name != "note" or value}


def summary(engine: Engine) -> dict[str, Any]:
    """Return a model in one line of a list."""
    spec = engine.spec
    return {"name": spec.name, "version": spec.version, "provider": engine.provider, "labels": len(spec.labels)}
