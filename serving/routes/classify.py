"""`POST /v1/classify` and its like: pictures in, labels with probabilities out."""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from python_multipart import FormParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, parse_options_header
from starlette.requests import Request
from starlette.responses import Response

from edge.result import DEFAULT_TOP_K
from serving.errors import JsonLine, RequestError
from serving.inference.engine import Answer, Timing
from serving.routes import (
    MinProbability,
    NamedEngine,
    TopK,
    add_model_routes,
    describe,
    outcomes,
    state_of,
)
from serving.schemas import Classification, Classifications, problems

MAX_FIELDS = 8
BINARY = {"type": "string", "format": "binary"}
FORM = {
    "type": "object",
    "description": "One file under any name, or several, or one called `files`, for a list of answers.",
    "properties": {"file": BINARY, "files": {"type": "array", "items": BINARY, "minItems": 1}},
}
IMAGE = {"type": "string", "description": "base64 or a data URL; a URL to fetch is refused"}
JSON_IMAGES = {
    "type": "object",
    "properties": {"image": IMAGE, "images": {"type": "array", "items": IMAGE, "minItems": 1}},
}
BODY = {
    "requestBody": {
        "required": True,
        "description": "The bytes of an image file (JPEG, PNG, WebP, GIF, BMP, TIFF, PNM, AVIF), a form, or JSON.",
        "content": {
            "application/octet-stream": {"schema": BINARY},
            "image/*": {"schema": BINARY},
            "multipart/form-data": {"schema": FORM},
            "application/json": {"schema": JSON_IMAGES},
        },
    }
}

router = APIRouter(tags=["classify"])


@dataclass(frozen=True)
class Upload:
    """The pictures of one request with their file names, and whether the answer is to be a list."""

    pictures: tuple[tuple[str | None, bytes], ...]
    is_list: bool


async def classify(
    request: Request, engine: NamedEngine, top_k: TopK = DEFAULT_TOP_K, min_probability: MinProbability = 0.0
) -> Response:
    """Say what is on one image, or on each of several.

    One image gives one answer; several files, or a field called `files`, give a list with errors in it.
    """
    state = state_of(request)
    upload = await _read_upload(request, state.settings.max_images)
    request.scope["eyespot"].update(model=engine.spec.name, pictures=len(upload.pictures))
    with state.admission.hold(len(upload.pictures) - 1):
        found = await outcomes([engine.submit(encoded) for _, encoded in upload.pictures])
    results = [describe(state, engine, answer, top_k, min_probability) for answer in found]
    head = {"model": engine.spec.name, "version": engine.spec.version}
    headers = {"X-Execution-Provider": engine.provider}
    if upload.is_list:
        listed = [{"file": name} | result for (name, _), result in zip(upload.pictures, results, strict=True)]
        return JsonLine(head | {"results": listed}, headers=headers)
    if not isinstance(found[0], Answer):
        raise found[0]
    headers["Server-Timing"] = _server_timing(found[0].timing)
    return JsonLine(head | results[0], headers=headers)


POST: dict[str, Any] = {
    "methods": ["POST"],
    "response_model": Classification | Classifications,
    "responses": problems(),
    "openapi_extra": BODY,
}
router.add_api_route("/v1/classify", classify, operation_id="classify", **POST)
add_model_routes(router, "/v1/models", "/classify", classify, "classifyWithModel", **POST)


async def _read_upload(request: Request, max_images: int) -> Upload:
    """Return the pictures that the request has. Raises RequestError 413 for too many, 400 for a malformed body."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if kind == "multipart/form-data":
        return _read_form(body, request.headers["content-type"], max_images)
    if kind == "application/json":
        return _read_json(body, max_images)
    return Upload(((None, body),), False)


def _read_form(body: bytes, content_type: str, max_images: int) -> Upload:
    """Return the pictures of a form. They stay in memory: the whole body is there already, and no disk is touched."""
    files: list[File] = []
    fields: list[bytes | None] = []
    ends: list[bool] = []

    def on_file(file: File) -> None:
        if len(files) == max_images:
            raise _too_many(max_images)
        files.append(file)

    def on_field(field: Field) -> None:
        fields.append(field.field_name)
        if field.field_name in (b"file", b"files") or len(fields) > MAX_FIELDS:
            raise FormParserError("file and files must be files, with a filename, and other fields are few")

    try:
        _, options = parse_options_header(content_type)
        # Longer ones than RFC 2046 allows would make the parser slow.
        boundary = options.get(b"boundary", b"") if len(options.get(b"boundary", b"")) <= 70 else b""
        if not boundary:
            raise FormParserError("its boundary is missing or too long")
        config = {"MAX_MEMORY_FILE_SIZE": len(body)}
        parser = FormParser(
            "multipart/form-data", on_field, on_file, lambda: ends.append(True), boundary, config=config
        )
        parser.write(body)
        if not ends or not files:
            raise FormParserError("it holds no file" if ends else "it is cut short")
    except FormParserError as error:
        raise RequestError(400, "malformed_form", f"the multipart form cannot be read: {error}") from None
    names = [(file.file_name or b"").decode("utf-8", "replace") for file in files]
    pictures = tuple((name, _content(file)) for name, file in zip(names, files, strict=True))
    return Upload(pictures, len(files) > 1 or files[0].field_name == b"files")


def _content(file: File) -> bytes:
    file.file_object.seek(0)
    return file.file_object.read()


def _read_json(body: bytes, max_images: int) -> Upload:
    """Return the pictures of `{"image": "..."}` or `{"images": [...]}`."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _malformed(f"the body is not JSON ({error})") from None
    if not isinstance(message, dict) or len(message.keys() & {"image", "images"}) != 1:
        raise _malformed('the JSON must be {"image": "..."} or {"images": ["...", ...]}')
    is_list = "images" in message
    texts = message["images"] if is_list else [message["image"]]
    if not isinstance(texts, list) or not texts:
        raise _malformed("images must be a list of base64 strings")
    if len(texts) > max_images:
        raise _too_many(max_images)
    return Upload(tuple((None, _decode_base64(text)) for text in texts), is_list)


def _decode_base64(text: Any) -> bytes:
    if not isinstance(text, str):
        raise _malformed("an image in JSON must be a base64 string or a data URL")
    if text[:5].lower() == "data:":
        head, _, text = text.partition(",")
        if not head.lower().endswith(";base64"):
            raise _malformed("a data URL must be in base64: data:image/png;base64,...")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise _malformed("an image in JSON must be in base64; no address is fetched") from None


def _malformed(message: str) -> RequestError:
    return RequestError(400, "malformed_json", message)


def _too_many(max_images: int) -> RequestError:
    return RequestError(413, "too_many_images", f"a request may hold {max_images} pictures")


def _server_timing(timing: Timing) -> str:
    """Return the header in which browsers show where the time went (W3C Server Timing)."""
    stages = {
        "queue": timing.queue_s,
        "decode": timing.decode_s,
        "preprocess": timing.preprocess_s,
        "wait": timing.wait_s,
        "inference": timing.inference_s,
    }
    return ", ".join(f"{name};dur={seconds * 1000:.3f}" for name, seconds in stages.items())
