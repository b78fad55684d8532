"""The routes of `/v1`: from requests to engines and back."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from edge.errors import ImageError
from edge.result import Classification, classification_fields
from serving.body import read_upload
from serving.engine import Engine, EngineError
from serving.job import Answer, outcomes
from serving.json_line import JsonLine
from serving.parameters import read_min_probability, read_top_k
from serving.problems import describe_error, error_code
from serving.state import Counts, ServiceState, state_of


async def classify(request: Request) -> Response:
    """Answer a POST of pictures with what is on them: one answer, or for several files a list with errors in it."""
    state = state_of(request)
    engine = _engine(request, state)
    top_k, least = read_top_k(request), read_min_probability(request)
    state.places.require()  # before a body is read for nothing
    upload = await read_upload(request, state.settings)
    request.scope["eyespot"].update(model=engine.spec.name, pictures=len(upload.pictures))
    with state.places.take(len(upload.pictures)):
        at_once = state.places.are_few
        futures = [engine.submit(encoded, at_once=at_once) for _, encoded in upload.pictures]
        found = await outcomes(futures)
    counts = Counts(state)
    results = [_result(counts, engine, answer, top_k, least) for answer in found]
    head = {"model": engine.spec.name, "version": engine.spec.version}
    headers = {"X-Execution-Provider": engine.provider}
    if not upload.is_list:
        if isinstance(found[0], BaseException):
            raise found[0]
        headers["Server-Timing"] = _server_timing(found[0])
        return JsonLine(head | results[0], headers=headers, background=counts)
    names = [name for name, _ in upload.pictures]
    listed = [{"file": name} | result for name, result in zip(names, results, strict=True)]
    return JsonLine(head | {"results": listed}, headers=headers, background=counts)


async def list_models(request: Request) -> Response:
    """Answer `GET /v1/models`."""
    engines = state_of(request).repository.engines
    return JsonLine({"models": [_summary(engine) | {"default": engine is engines[0]} for engine in engines]})


async def show_model(request: Request) -> Response:
    """Answer `GET /v1/models/{name}`: the whole spec, and what runs it."""
    state = state_of(request)
    engine = _engine(request, state)
    versions = [other.spec.version for other in state.repository.versions(engine.spec.name)]
    variants = state.repository.variants(engine)
    return JsonLine(
        _summary(engine) | {"versions": versions, "variants": variants, "spec": msgspec.to_builtins(engine.spec)}
    )


def _engine(request: Request, state: ServiceState) -> Engine:
    return state.repository.find(request.path_params.get("name"), request.path_params.get("version"))


def _summary(engine: Engine) -> dict[str, Any]:
    spec = engine.spec
    return {"name": spec.name, "version": spec.version, "provider": engine.provider, "labels": len(spec.labels)}


def _result(counts: Counts, engine: Engine, found: Answer | BaseException, top_k: int, least: float) -> dict[str, Any]:
    """Return what stands in the answer for one picture, and count it."""
    if isinstance(found, Answer):
        classification = found.classify(engine.spec, top_k)
        counts.add(engine, found, classification)
        return _describe(classification, least)
    if not isinstance(found, ImageError | EngineError):
        raise found
    counts.state.metrics.count_failure(engine, error_code(found))
    return {"error": describe_error(found)}


def _describe(classification: Classification, least: float) -> dict[str, Any]:
    predictions = [
        {"label": prediction.label, "probability": prediction.probability}
        for prediction in classification.predictions
        if prediction.probability >= least
    ]
    note = {"note": classification.note} if classification.note else {}
    regions = {k: v for k, v in classification_fields(classification).items() if k in ("regions", "text")}
    return {"predictions": predictions, "unsure": classification.unsure, **note, **regions}


def _server_timing(answer: Answer) -> str:
    """Return the header in which browsers show where the time went (W3C Server Timing)."""
    timing = answer.timing
    stages = {
        "queue": timing.queue_s,
        "decode": timing.decode_s,
        "preprocess": timing.preprocess_s,
        "wait": timing.wait_s,
        "inference": timing.inference_s,
    }
    return ", ".join(f"{name};dur={seconds * 1000:.3f}" for name, seconds in stages.items())


ROUTES = [
    Route("/v1/classify", classify, methods=["POST"]),
    Route("/v1/models", list_models),
    Route("/v1/models/{name}", show_model),
    Route("/v1/models/{name}/classify", classify, methods=["POST"]),
    Route("/v1/models/{name}/versions/{version}", show_model),
    Route("/v1/models/{name}/versions/{version}/classify", classify, methods=["POST"]),
]
