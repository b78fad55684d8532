"""What went wrong with a request, as an HTTP status and `{"error": {"code", "message"}}`, or in the form of `/v2`."""

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from edge.errors import EyespotError, ImageError
from serving.engine import EngineError
from serving.json_line import JsonLine

IMAGE_STATUS = {
    "empty": 400,
    "not_an_image": 415,
    "unsupported_format": 415,
    "corrupt": 422,
    "too_many_pixels": 413,
    "too_many_bytes": 413,
}
ENGINE_CODE = "inference_failed"
OIP_PREFIX = "/v2"

# Not of an RFC, but what nginx logs for it.
CLIENT_CLOSED_REQUEST = 499


class RequestError(EyespotError, ValueError):
    """A request that cannot be answered, with the HTTP status and the stable code that say why."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or {}


def error_code(error: ImageError | EngineError) -> str:
    """Return the stable code for what befell one picture."""
    return error.code if isinstance(error, ImageError) else ENGINE_CODE


def describe_error(error: ImageError | EngineError) -> dict[str, str]:
    """Return code and message of one picture's failure, as they stand in answers."""
    return {"code": error_code(error), "message": str(error)}


async def answer_request_error(request: Request, error: Exception) -> Response:
    """Return the answer for a RequestError."""
    if not isinstance(error, RequestError):
        raise error
    return problem(request.scope, error.status, error.code, str(error), error.headers)


async def answer_image_error(request: Request, error: Exception) -> Response:
    """Return the answer for an ImageError."""
    if not isinstance(error, ImageError):
        raise error
    return problem(request.scope, IMAGE_STATUS[error.code], error.code, str(error))


async def answer_engine_error(request: Request, error: Exception) -> Response:
    """Return the answer for an EngineError, which is the machine's fault and not the client's."""
    if not isinstance(error, EngineError):
        raise error
    return problem(request.scope, 500, ENGINE_CODE, str(error))


async def answer_http_error(request: Request, error: Exception) -> Response:
    """Return the answer for what the router refuses: an unknown path, a method that a path does not take."""
    if not isinstance(error, HTTPException):
        raise error
    code = error.detail.lower().replace(" ", "_")
    return problem(request.scope, error.status_code, code, error.detail, error.headers)


async def answer_disconnect(request: Request, error: Exception) -> Response:  # noqa: ARG001 # Starlette's signature
    """Return an answer that nobody reads, so that a client who went away is not an error in the log."""
    return problem(request.scope, CLIENT_CLOSED_REQUEST, "client_closed_request", "the client closed the connection")


def problem(
    scope: Mapping[str, Any], status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an error in the form of the interface that was asked: `scope` is that of the request."""
    scope.get("eyespot", {})["code"] = code  # for the log and the metrics
    path: str = scope.get("path", "")
    if path == OIP_PREFIX or path.startswith(f"{OIP_PREFIX}/"):
        return JsonLine({"error": message}, status, headers)
    return JsonLine({"error": {"code": code, "message": message}}, status, headers)
