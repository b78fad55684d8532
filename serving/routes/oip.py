"""The Open Inference Protocol over HTTP (`/v2`), for Triton's and KServe's clients, with binary tensors.

The tensor `image` is UINT8 [N, H, W, 3], or BYTES [N] of encoded images of any size. Models of regions are not among
these models: their answers are no tensor.
https://github.com/kserve/open-inference-protocol and, for bytes behind the JSON,
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

import asyncio
import base64
import binascii
import json
import math
import struct
from importlib.metadata import version
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from fastapi import APIRouter, Depends
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from edge.model import INPUT_NAME, OUTPUT_NAME
from serving.errors import JsonLine, RequestError, error_code, error_status
from serving.inference.engine import Answer, Engine
from serving.middleware import MAX_JSON_BYTES
from serving.routes import add_model_routes, count, engine_of, outcomes, state_of
from serving.schemas import OipError, problems
from serving.settings import Settings

HEADER_LENGTH = "Inference-Header-Content-Length"
EXTENSIONS = ["binary_tensor_data", "classification", "model_repository", "model_configuration", "statistics"]
# A larger request is read on a thread, so that others are answered meanwhile.
LARGE_BYTES = 1 << 16
# Each element of BYTES follows its length, four bytes, little-endian.
LENGTH = struct.Struct("<I")

Dimension = Annotated[int, msgspec.Meta(ge=0)]
Shape = Annotated[list[Dimension], msgspec.Meta(max_length=4)]

router = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])


class Parameters(msgspec.Struct, frozen=True):
    """The parameters of a tensor, of an output or of the request that mean something here."""

    binary_data_size: Annotated[int, msgspec.Meta(ge=0)] | None = None
    binary_data: bool | None = None
    binary_data_output: bool = False
    classification: Annotated[int, msgspec.Meta(ge=0)] = 0
    shared_memory_region: Any = None


class InputTensor(msgspec.Struct, frozen=True):
    """One tensor of a request, whose data is in the JSON or in the bytes behind it."""

    name: Literal["image"]
    datatype: Literal["UINT8", "BYTES"]
    shape: Shape
    data: list[Any] | None = None
    parameters: Parameters = Parameters()


class RequestedOutput(msgspec.Struct, frozen=True):
    """The one output that may be asked for; `classification` asks for so many strings `probability:index:label`."""

    name: Literal["probabilities"]
    parameters: Parameters = Parameters()


class InferRequest(msgspec.Struct, frozen=True):
    """The JSON of a request."""

    inputs: Annotated[list[InputTensor], msgspec.Meta(min_length=1, max_length=1)]
    id: str | None = None
    parameters: Parameters = Parameters()
    outputs: Annotated[list[RequestedOutput], msgspec.Meta(max_length=1)] | None = None


async def tensor_engine(request: Request) -> Engine:
    """Return the engine that the path names. Raises RequestError 404, also for a model of regions."""
    engine = await engine_of(request)
    if engine.spec.regions is not None:
        name = engine.spec.name
        message = (
            f"{name} classifies {engine.spec.regions.kind}, which is no tensor; POST to /v1/models/{name}/classify"
        )
        raise RequestError(404, "no_tensor_model", message)
    return engine


TensorEngine = Annotated[Engine, Depends(tensor_engine)]


@router.get("", operation_id="oipServer")
async def describe_server() -> Response:
    """What the server is."""
    return JsonLine({"name": "eyespot", "version": version("eyespot"), "extensions": EXTENSIONS})


@router.get("/health/live", operation_id="oipLive")
async def show_live() -> Response:
    """Whether the process lives."""
    return JsonLine({"live": True})


@router.get("/health/ready", operation_id="oipReady")
async def show_ready(request: Request) -> Response:
    """Whether all models are ready; there is no worker that takes requests before they are warm."""
    ready = not state_of(request).is_draining
    return JsonLine({"ready": ready}, 200 if ready else 503)


@router.post("/repository/index", operation_id="oipIndex")
async def list_repository(request: Request) -> Response:
    """The models that answer with tensors."""
    specs = [engine.spec for engine in state_of(request).repository.engines if engine.spec.regions is None]
    return JsonLine([{"name": s.name, "version": s.version, "state": "READY", "reason": ""} for s in specs])


@router.get("/models/stats", operation_id="oipAllStatistics", responses=problems(401, model=OipError))
async def show_all_statistics(request: Request) -> dict[str, Any]:
    """What this worker has answered, by model."""
    engines = state_of(request).repository.engines
    return {"model_stats": [_statistics(engine) for engine in engines if engine.spec.regions is None]}


async def describe_model(request: Request, engine: TensorEngine) -> Response:
    """A model's versions and tensors."""
    spec = engine.spec
    return JsonLine(
        {
            "name": spec.name,
            "versions": [other.spec.version for other in state_of(request).repository.versions(spec.name)],
            "platform": "onnxruntime_onnx",
            "inputs": [{"name": INPUT_NAME, "datatype": "UINT8", "shape": [-1, -1, -1, 3]}],
            "outputs": [{"name": OUTPUT_NAME, "datatype": "FP32", "shape": [-1, len(spec.labels)]}],
            "parameters": {"labels": list(spec.labels)},
        }
    )


async def show_model_ready(engine: TensorEngine) -> Response:
    """Whether a model is ready."""
    return JsonLine({"name": engine.spec.name, "ready": True})


async def show_config(request: Request, engine: TensorEngine) -> dict[str, Any]:
    """A model's configuration as Triton has it; the first dimension of its tensors is the batch."""
    spec = engine.spec
    return {
        "name": spec.name,
        "platform": "onnxruntime_onnx",
        "backend": "onnxruntime",
        "max_batch_size": state_of(request).settings.max_images,
        "input": [{"name": INPUT_NAME, "data_type": "TYPE_UINT8", "dims": [-1, -1, 3]}],
        "output": [{"name": OUTPUT_NAME, "data_type": "TYPE_FP32", "dims": [len(spec.labels)]}],
    }


async def show_statistics(engine: TensorEngine) -> dict[str, Any]:
    """What this worker has answered by a model."""
    return {"model_stats": [_statistics(engine)]}


def _statistics(engine: Engine) -> dict[str, Any]:
    """Return Triton's statistics of a model, in nanoseconds."""
    found = engine.statistics

    def duration(seconds: float, times: int = found.successes) -> dict[str, int]:
        return {"count": times, "ns": round(seconds * 1e9)}

    return {
        "name": engine.spec.name,
        "version": engine.spec.version,
        "last_inference": round(found.last_s * 1000),
        "inference_count": found.successes,
        "execution_count": found.executions,
        "inference_stats": {
            "success": duration(found.queue_s + found.input_s + found.inference_s),
            "fail": duration(0.0, found.failures),
            "queue": duration(found.queue_s),
            "compute_input": duration(found.input_s),
            "compute_infer": duration(found.inference_s),
            "compute_output": duration(0.0),
        },
        "batch_stats": [],
    }


async def infer(request: Request, engine: TensorEngine) -> Response:
    """Classify a batch. One picture's failure fails the request, since the protocol has no place for it."""
    state = state_of(request)
    body = await request.body()
    header_length = request.headers.get(HEADER_LENGTH)

    def read() -> tuple[InferRequest, list[Any]]:
        asked, binary = parse_request(body, header_length)
        return asked, _pictures(asked.inputs[0], binary, state.settings)

    asked, pictures = await asyncio.to_thread(read) if len(body) > LARGE_BYTES else read()
    request.scope["eyespot"].update(model=engine.spec.name, pictures=len(pictures))
    with state.admission.hold(len(pictures) - 1):
        found = await outcomes([engine.submit(one) for one in pictures])
    for answer in found:
        count(state, engine, answer)
    for index, answer in enumerate(found):
        if not isinstance(answer, Answer):
            raise RequestError(error_status(answer), error_code(answer), f"{INPUT_NAME}[{index}]: {answer}")
    probabilities = np.stack([answer.probabilities for answer in found if isinstance(answer, Answer)])
    return _write_answer(engine, asked, probabilities)


EXAMPLE = {"inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, 1, 1, 3], "data": [90, 20, 7]}]}
LENGTH_HEADER = {
    "name": HEADER_LENGTH,
    "in": "header",
    "description": "the bytes of JSON, where those of tensors follow them",
    "schema": {"type": "integer", "minimum": 0},
}
CONTENT = {
    "application/json": {"schema": {"type": "object", "required": ["inputs"], "examples": [EXAMPLE]}},
    "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
}
INFER = {"parameters": [LENGTH_HEADER], "requestBody": {"required": True, "content": CONTENT}}
GET: dict[str, Any] = {"methods": ["GET"], "responses": problems(401, 404, model=OipError)}
POST: dict[str, Any] = {"methods": ["POST"], "responses": problems(model=OipError), "openapi_extra": INFER}
add_model_routes(router, "/models", "", describe_model, "oipModel", **GET)
add_model_routes(router, "/models", "/ready", show_model_ready, "oipModelReady", **GET)
add_model_routes(router, "/models", "/config", show_config, "oipConfig", **GET)
add_model_routes(router, "/models", "/stats", show_statistics, "oipStatistics", **GET)
add_model_routes(router, "/models", "/infer", infer, "oipInfer", **POST)


def parse_request(body: bytes, header_length: str | None) -> tuple[InferRequest, memoryview]:
    """Return the JSON at the start of `body`, of `header_length` bytes (all for None), and the bytes behind it.

    Raises RequestError 400, or 413 for more JSON than MAX_JSON_BYTES.
    """
    split = len(body)
    if header_length is not None:
        if not (header_length.isascii() and header_length.isdecimal() and len(header_length) < 18):
            raise _malformed(f"{HEADER_LENGTH} must be an integer. Received: {header_length[:40]!r}")
        split = int(header_length)
        if split > len(body):
            raise _malformed(f"{HEADER_LENGTH} is {header_length}, and the body has {len(body)} bytes")
    if split > MAX_JSON_BYTES:
        message = f"the JSON of a request may have {MAX_JSON_BYTES:,} bytes; send large pictures as binary tensors"
        raise RequestError(413, "body_too_large", message)
    try:
        asked = msgspec.json.decode(memoryview(body)[:split], type=InferRequest)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise _malformed(f"the request is not one of this protocol ({error})") from None
    tensors = (*asked.inputs, *(asked.outputs or ()))
    if any(tensor.parameters.shared_memory_region is not None for tensor in tensors):
        raise _malformed("shared_memory_region is not supported; send the tensor in the request")
    return asked, memoryview(body)[split:]


def _pictures(image: InputTensor, binary: memoryview, settings: Settings) -> list[Any]:
    """Return the encoded images, or the arrays of pixels, of a tensor. Raises RequestError 400 or 413."""
    shape = image.shape
    if image.datatype == "BYTES":
        if len(shape) != 1 and not (len(shape) == 2 and shape[1] == 1):
            raise _malformed(f"image: BYTES must have the shape [N]. Received: {shape}")
    elif len(shape) != 4 or shape[3] != 3:
        raise _malformed(f"image: UINT8 must have the shape [N, H, W, 3]. Received: {shape}")
    if 0 in shape:
        raise _malformed(f"image: shape {shape} holds no picture")
    if shape[0] > settings.max_images:
        raise RequestError(413, "too_many_images", f"a request may hold {settings.max_images} pictures")
    if image.datatype == "UINT8" and shape[1] * shape[2] > settings.max_pixels:
        raise RequestError(413, "too_many_pixels", f"a picture may have {settings.max_pixels:,} pixels")
    size = image.parameters.binary_data_size
    if size is None and image.data is None:
        raise _malformed("image: it has neither data nor the parameter binary_data_size")
    if (size or 0) != len(binary):
        raise _malformed(f"image: binary_data_size is {size or 0}, and {len(binary)} bytes follow the JSON")
    if image.datatype == "BYTES":
        elements = _decoded(image.data or []) if size is None else _elements(binary)
    else:
        levels = _levels(image.data or []) if size is None else np.frombuffer(binary, np.uint8)
        if levels.size == math.prod(shape):
            return list(levels.reshape(shape))
        elements = [b""] * levels.size
    if len(elements) != math.prod(shape):
        raise _malformed(f"image: shape {shape} has {math.prod(shape)} elements. Received: {len(elements)}")
    return elements


def _elements(data: memoryview) -> list[bytes]:
    """Return the elements of a BYTES tensor in binary."""
    elements: list[bytes] = []
    position = 0
    while position < len(data):
        if position + LENGTH.size > len(data):
            raise _malformed(f"image: the length of element {len(elements)} is cut short")
        (size,) = LENGTH.unpack_from(data, position)
        position += LENGTH.size
        if position + size > len(data):
            raise _malformed(f"image: element {len(elements)} is cut short")
        elements.append(bytes(data[position : position + size]))
        position += size
    return elements


def _decoded(data: list[Any]) -> list[bytes]:
    """Return the elements of a BYTES tensor in JSON."""
    elements = []
    for text in np.asarray(data, object).ravel().tolist():
        try:
            elements.append(base64.b64decode(text, validate=True))
        except (binascii.Error, TypeError, ValueError):
            message = f"image: in JSON an encoded image must be a base64 string; element {len(elements)} is not"
            raise _malformed(message) from None
    return elements


def _levels(data: list[Any]) -> NDArray[np.uint8]:
    """Return the flat levels of a UINT8 tensor in JSON, nested or not."""
    # As objects: a long string among the data would else give its width to every element.
    cells = np.asarray(data, object).ravel()
    kinds = set(map(type, cells))
    if list in kinds:
        raise _malformed("image: its rows differ in length, or it is nested too deeply")
    try:
        numbers = cells.astype(np.int64) if kinds <= {int} else None
    except OverflowError:
        numbers = None
    if numbers is None or (numbers.size and (numbers.min() < 0 or numbers.max() > 255)):
        raise _malformed("image: UINT8 data must be integers from 0 to 255")
    return numbers.astype(np.uint8)


def _write_answer(engine: Engine, asked: InferRequest, probabilities: NDArray[np.float32]) -> Response:
    """Return the answer for probabilities float32 [N, classes], in the form that was asked for."""
    head: dict[str, Any] = {"model_name": engine.spec.name, "model_version": engine.spec.version}
    if asked.id is not None:
        head["id"] = asked.id
    wanted = asked.outputs[0].parameters if asked.outputs else Parameters()
    output: dict[str, Any] = {"name": OUTPUT_NAME, "datatype": "FP32", "shape": list(probabilities.shape)}
    best: list[str] = []
    if wanted.classification:
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, : wanted.classification]
        output |= {"datatype": "BYTES", "shape": list(order.shape)}
        labels = engine.spec.labels
        best = [
            f"{row[i]:f}:{i}:{labels[i]}" for row, indices in zip(probabilities, order, strict=True) for i in indices
        ]
    headers = {"X-Execution-Provider": engine.provider}
    is_binary = asked.parameters.binary_data_output if wanted.binary_data is None else wanted.binary_data
    if not is_binary:
        output["data"] = best or [float(str(p)) for p in probabilities.ravel()]
        return JsonLine(head | {"outputs": [output]}, headers=headers)
    raw = b"".join(LENGTH.pack(len(text.encode())) + text.encode() for text in best)
    raw = raw or probabilities.astype("<f4").tobytes()
    output["parameters"] = {"binary_data_size": len(raw)}
    text = json.dumps(head | {"outputs": [output]}).encode()
    headers[HEADER_LENGTH] = str(len(text))
    return Response(text + raw, headers=headers, media_type="application/octet-stream")


def _malformed(message: str) -> RequestError:
    return RequestError(400, "malformed_request", message)
