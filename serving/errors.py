"""Errors as an HTTP status and `{"error": {"code", "message"}}`; under `/v2` as `{"error": message}`."""

import json
from collections.abc import Mapping
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from edge.errors import EyespotError, ImageError

IMAGE_STATUS = {
    "empty": 400,
    "not_an_image": 415,
    "unsupported_format": 415,
    "corrupt": 422,
    "too_many_pixels": 413,
    "too_many_bytes": 413,
}
# Not of an RFC; nginx logs it for a client that has gone.
CLIENT_CLOSED_REQUEST = 499
ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


class JsonLine(JSONResponse):
    """JSON with a line feed at its end, so that curl's output does not run into the prompt."""

    def render(self, content: Any) -> bytes:
        """Return the body for `content`. Raises ValueError for a number that JSON does not have."""
        # Half a surrogate pair, which a client can send in JSON, has no UTF-8; its escape is good JSON.
        return ENCODER.encode(content).encode("utf-8", "backslashreplace") + b"\n"


class EngineError(EyespotError, RuntimeError):
    """A good picture for which the runtime failed."""


class RequestError(EyespotError, ValueError):
    """A request that cannot be answered, with its HTTP status and a stable code."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or {}


def overloaded(message: str) -> RequestError:
    """Return the error 503 with Retry-After."""
    return RequestError(503, "overloaded", f"{message}; try again", {"Retry-After": "1"})


def error_code(error: ImageError | EngineError) -> str:
    """Return the stable code of one picture's failure."""
    return error.code if isinstance(error, ImageError) else "inference_failed"


def error_status(error: ImageError | EngineError) -> int:
    """Return the HTTP status of one picture's failure; a failure of the runtime is the server's."""
    return IMAGE_STATUS[error.code] if isinstance(error, ImageError) else 500


def problem(
    scope: Mapping[str, Any], status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an error in the form of the interface that `scope`, the request's, asked for."""
    scope.get("eyespot", {})["code"] = code  # for the log and the metrics
    path: str = scope.get("path", "")
    if path == "/v2" or path.startswith("/v2/"):
        return JsonLine({"error": message}, status, headers)
    return JsonLine({"error": {"code": code, "message": message}}, status, headers)


async def answer_error(request: Request, error: Exception) -> Response:
    """Return the answer for an exception of `HANDLED`."""
    if isinstance(error, RequestError):
        return problem(request.scope, error.status, error.code, str(error), error.headers)
    if isinstance(error, ImageError | EngineError):
        return problem(request.scope, error_status(error), error_code(error), str(error))
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        message = f"{first['loc'][-1]}: {first['msg']}. Received: {first['input']!r:.60}"
        return problem(request.scope, 400, "bad_parameter", message)
    if isinstance(error, HTTPException):  # the router's: an unknown path, a method that a path does not take
        code = error.detail.lower().replace(" ", "_")
        return problem(request.scope, error.status_code, code, error.detail, error.headers)
    message = "the client closed the connection"
    return problem(request.scope, CLIENT_CLOSED_REQUEST, "client_closed_request", message)


HANDLED = (RequestError, ImageError, EngineError, RequestValidationError, HTTPException, ClientDisconnect)
