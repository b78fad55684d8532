"""The routes of `/v2`: the Open Inference Protocol over HTTP, which Triton's and KServe's clients speak.

The tensor `image` is either UINT8 [N, H, W, 3] or BYTES [N], each element an encoded image of any size.
"""

import asyncio
from importlib.metadata import version
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from edge.errors import ImageError
from edge.model import INPUT_NAME, OUTPUT_NAME
from edge.result import Classification, postprocess
from serving.body import read_body
from serving.engine import Engine, EngineError
from serving.job import Answer, outcomes
from serving.json_line import JsonLine
from serving.oip_message import HEADER_LENGTH, InferRequest, parse_request, write_answer
from serving.oip_tensors import InputTensor, malformed
from serving.problems import IMAGE_STATUS, RequestError, error_code
from serving.settings import Settings
from serving.state import Counts, ServiceState, state_of

LARGE_BYTES = 1 << 16
EXTENSIONS = ["binary_tensor_data", "classification"]


async def describe_server(_: Request) -> Response:
    """Answer `GET /v2`."""
    return JsonLine({"name": "eyespot", "version": version("eyespot"), "extensions": EXTENSIONS})


async def show_live(_: Request) -> Response:
    """Answer `GET /v2/health/live`."""
    return JsonLine({"live": True})


async def show_ready(_: Request) -> Response:
    """Answer `GET /v2/health/ready`: there is no worker that takes requests before its models are warm."""
    return JsonLine({"ready": True})


async def show_model_ready(request: Request) -> Response:
    """Answer whether one model is ready. Raises RequestError 404."""
    spec = _engine(request, state_of(request)).spec
    return JsonLine({"name": spec.name, "ready": True})


async def describe_model(request: Request) -> Response:
    """Answer with a model's versions and tensors. Raises RequestError 404."""
    state = state_of(request)
    spec = _engine(request, state).spec
    return JsonLine(
        {
            "name": spec.name,
            "versions": [engine.spec.version for engine in state.repository.versions(spec.name)],
            "platform": "onnxruntime_onnx",
            "inputs": [{"name": INPUT_NAME, "datatype": "UINT8", "shape": [-1, -1, -1, 3]}],
            "outputs": [{"name": OUTPUT_NAME, "datatype": "FP32", "shape": [-1, len(spec.labels)]}],
            "parameters": {"labels": list(spec.labels)},
        }
    )


async def infer(request: Request) -> Response:
    """Answer `POST .../infer`."""
    state = state_of(request)
    engine = _engine(request, state)
    if engine.spec.regions is not None:
        raise malformed(f"{engine.spec.name} classifies {engine.spec.regions.kind}; ask POST /v1/models/NAME/classify")
    state.places.require()  # before a body is read for nothing
    body = await read_body(request, state.settings.max_body_bytes)
    with state.places.take(1):  # to read the JSON is work as well
        asked, pictures = await _read(body, request.headers.get(HEADER_LENGTH), state.settings)
        request.scope["eyespot"].update(model=engine.spec.name, pictures=len(pictures))
        with state.places.take(len(pictures) - 1):
            found = await _answers(state, engine, pictures)
    counts = Counts(state)
    failures = [_count(counts, engine, answer, index) for index, answer in enumerate(found)]
    if failure := next(filter(None, failures), None):
        await counts()  # those that were answered are none the less so
        raise failure
    response = write_answer(engine, asked, np.stack([answer.probabilities for answer in found]))
    response.background = counts
    return response


async def _read(body: bytes, header_length: str | None, settings: Settings) -> tuple[InferRequest, list[Any]]:
    def read() -> tuple[InferRequest, list[Any]]:
        asked = parse_request(body, header_length)
        return asked, _pictures(asked.image, settings)

    # On a thread, so that others are answered between its steps. A step, such as the parser's, holds the interpreter
    # and so the event loop as well, but for no longer than the limit on JSON allows.
    return await asyncio.to_thread(read) if len(body) > LARGE_BYTES else read()


async def _answers(state: ServiceState, engine: Engine, pictures: list[Any]) -> list[Any]:
    at_once = state.places.are_few
    futures = [
        engine.submit(p, at_once=at_once) if isinstance(p, bytes) else engine.submit_pixels(p, at_once=at_once)
        for p in pictures
    ]
    return await outcomes(futures)


def _engine(request: Request, state: ServiceState) -> Engine:
    return state.repository.find(request.path_params["name"], request.path_params.get("version"))


def _pictures(image: InputTensor, settings: Settings) -> list[Any]:
    """Return the encoded images or the arrays of pixels that a tensor holds. Raises RequestError 400 or 413."""
    shape = list(image.shape)
    if image.datatype == "BYTES":
        if len(shape) != 1 and not (len(shape) == 2 and shape[1] == 1):
            raise malformed(f"{image.name}: BYTES must have the shape [N]. Received: {shape}")
    elif image.datatype != "UINT8":
        raise malformed(f"{image.name}: datatype must be UINT8 or BYTES. Received: {image.datatype!r:.40}")
    elif len(shape) != 4 or shape[3] != 3:
        raise malformed(f"{image.name}: UINT8 must have the shape [N, H, W, 3]. Received: {shape}")
    if 0 in shape:
        raise malformed(f"{image.name}: shape {shape} holds no picture")
    if shape[0] > settings.max_images:
        raise RequestError(413, "too_many_images", f"a request may hold {settings.max_images} pictures")
    if image.datatype == "BYTES":
        return list(image.as_bytes())
    if shape[1] * shape[2] > settings.max_pixels:
        raise RequestError(413, "too_many_pixels", f"a picture may have {settings.max_pixels:,} pixels")
    return list(image.as_levels())


def _count(counts: Counts, engine: Engine, found: Answer | BaseException, index: int) -> RequestError | None:
    """Count one picture; return the error of one that failed, for which the protocol has no place: it fails all."""
    if isinstance(found, Answer):
        spec = engine.spec
        best = postprocess(spec.labels, found.probabilities, spec.reject_threshold or 0.0, 1)
        counts.add(engine, found, Classification(*best))
        return None
    if not isinstance(found, ImageError | EngineError):
        raise found
    code = error_code(found)
    counts.state.metrics.count_failure(engine, code)
    return RequestError(IMAGE_STATUS.get(code, 500), code, f"{INPUT_NAME}[{index}]: {found}")


MODEL_PATHS = ("/v2/models/{name}", "/v2/models/{name}/versions/{version}")

ROUTES = [
    Route("/v2", describe_server),
    Route("/v2/health/live", show_live),
    Route("/v2/health/ready", show_ready),
    *(Route(path, describe_model) for path in MODEL_PATHS),
    *(Route(f"{path}/ready", show_model_ready) for path in MODEL_PATHS),
    *(Route(f"{path}/infer", infer, methods=["POST"]) for path in MODEL_PATHS),
]
