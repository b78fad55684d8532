"""Requests and answers of inference in the Open Inference Protocol, version 2, as they stand on the wire."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.responses import Response

from edge.model import INPUT_NAME, OUTPUT_NAME
from serving.engine import Engine
from serving.json_line import JsonLine
from serving.oip_tensors import BINARY_SIZE, InputTensor, malformed, read_input, write_bytes
from serving.problems import RequestError
from serving.settings_sources import LONGEST_NUMBER

# Nobody else is answered while it is parsed: 0.01 s as base64, 0.1 s as numbers, 0.4 s at worst. Bytes take no time.
MAX_JSON_BYTES = 4 << 20
HEADER_LENGTH = "Inference-Header-Content-Length"


@dataclass(frozen=True)
class InferRequest:
    """What is asked: the pictures, and in which form the probabilities are wanted.

    `classes` asks for the best so many as texts `probability:index:label` (Triton's classification extension).
    """

    id: str | None
    image: InputTensor
    binary: bool
    classes: int | None


def parse_request(body: bytes, header_length: str | None) -> InferRequest:
    """Return the request in `body`, whose JSON has `header_length` bytes (all for None).

    Raises RequestError 400, or 413 for more JSON than MAX_JSON_BYTES.
    """
    split = _split_at(header_length, len(body))
    if split > MAX_JSON_BYTES:
        message = f"the JSON of a request may have {MAX_JSON_BYTES:,} bytes; send large pictures as binary tensors"
        raise RequestError(413, "body_too_large", message)
    try:
        message = json.loads(body[:split])
    except (ValueError, RecursionError) as error:
        raise malformed(f"the request is not JSON ({error})") from None
    if not isinstance(message, dict):
        raise malformed("the request must be a JSON object")
    if not isinstance(identity := message.get("id"), str | None):
        raise malformed("id must be a text")
    output = _read_outputs(message.get("outputs"))
    wants_binary = output.get("binary_data", _object(message.get("parameters")).get("binary_data_output", False))
    if not isinstance(wants_binary, bool):
        raise malformed("binary_data must be true or false")
    classes = output.get("classification")
    if classes is not None and (type(classes) is not int or classes < 0):
        raise malformed(f"classification must be a whole number. Received: {classes!r:.40}")
    image = _read_image(message.get("inputs"), memoryview(body)[split:])
    return InferRequest(identity, image, wants_binary, classes or None)


def _split_at(header_length: str | None, size: int) -> int:
    if header_length is None:
        return size
    if not (header_length.isascii() and header_length.isdecimal() and len(header_length) <= LONGEST_NUMBER):
        raise malformed(f"{HEADER_LENGTH} must be a whole number. Received: {header_length[:40]!r}")
    if int(header_length) > size:
        raise malformed(f"{HEADER_LENGTH} is {header_length}, and the body has {size} bytes")
    return int(header_length)


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict | None):
        raise malformed("parameters must be an object")
    return value or {}


def _read_outputs(outputs: Any) -> dict[str, Any]:
    """Return the parameters of the one output that may be asked for."""
    if outputs is None or outputs == []:
        return {}
    if not isinstance(outputs, list) or len(outputs) != 1 or not isinstance(outputs[0], dict):
        raise malformed(f"outputs must be a list of one object; the model has {OUTPUT_NAME!r} only")
    if outputs[0].get("name") != OUTPUT_NAME:
        raise malformed(f"the output is {OUTPUT_NAME!r}. Received: {outputs[0].get('name')!r:.60}")
    return _object(outputs[0].get("parameters"))


def _read_image(inputs: Any, binary: memoryview) -> InputTensor:
    if not isinstance(inputs, list) or len(inputs) != 1:
        raise malformed(f"inputs must be a list of one tensor, {INPUT_NAME!r}")
    image, end = read_input(inputs[0], binary, 0)
    if image.name != INPUT_NAME:
        raise malformed(f"the input is {INPUT_NAME!r}. Received: {image.name!r:.60}")
    if end != len(binary):
        raise malformed(f"{len(binary) - end} bytes follow the last tensor")
    return image


def write_answer(engine: Engine, request: InferRequest, probabilities: NDArray[np.float32]) -> Response:
    """Return the answer for probabilities float32 [N, classes], in the form that was asked for."""
    head: dict[str, Any] = {"model_name": engine.spec.name, "model_version": engine.spec.version}
    if request.id is not None:
        head["id"] = request.id
    output: dict[str, Any] = {"name": OUTPUT_NAME, "datatype": "FP32", "shape": list(probabilities.shape)}
    texts: list[str] = []
    if request.classes:
        best = [_best(engine.spec.labels, row, request.classes) for row in probabilities]
        output |= {"datatype": "BYTES", "shape": [len(best), len(best[0])]}
        texts = [text for row in best for text in row]
    headers = {"X-Execution-Provider": engine.provider}
    if not request.binary:
        output["data"] = texts or [float(str(p)) for p in probabilities.ravel()]
        return JsonLine(head | {"outputs": [output]}, headers=headers)
    raw = write_bytes([text.encode() for text in texts]) if texts else probabilities.astype("<f4").tobytes()
    output["parameters"] = {BINARY_SIZE: len(raw)}
    text = json.dumps(head | {"outputs": [output]}).encode()
    headers[HEADER_LENGTH] = str(len(text))
    return Response(text + raw, headers=headers, media_type="application/octet-stream")


def _best(labels: tuple[str, ...], row: NDArray[np.float32], count: int) -> list[str]:
    order = np.argsort(-row, kind="stable")[:count]
    return [f"{row[i]:f}:{i}:{labels[i]}" for i in order]
