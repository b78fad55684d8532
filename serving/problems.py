"""What went wrong with a request, as an HTTP status and `{"error": {"code", "message"}}`."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from edge.errors import EyespotError, ImageError
from serving.json_line import JsonLine

IMAGE_STATUS = {
    "empty": 400,
    "not_an_image": 415,
    "unsupported_format": 415,
    "corrupt": 422,
    "too_many_pixels": 413,
    "too_many_bytes": 413,
}


# Not of an RFC, but what nginx logs for it.
CLIENT_CLOSED_REQUEST = 499


class RequestError(EyespotError, ValueError):
    """A request that cannot be answered, with the HTTP status and the stable code that say why."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


async def answer_request_error(_: Request, error: Exception) -> Response:
    """Return the answer for a RequestError."""
    if not isinstance(error, RequestError):
        raise error
    return _answer(error.status, error.code, str(error))


async def answer_image_error(_: Request, error: Exception) -> Response:
    """Return the answer for an ImageError."""
    if not isinstance(error, ImageError):
        raise error
    return _answer(IMAGE_STATUS[error.code], error.code, str(error))


async def answer_http_error(_: Request, error: Exception) -> Response:
    """Return the answer for what the router refuses: an unknown path, a method that a path does not take."""
    if not isinstance(error, HTTPException):
        raise error
    answer = _answer(error.status_code, error.detail.lower().replace(" ", "_"), error.detail)
    answer.headers.update(error.headers or {})
    return answer


async def answer_disconnect(_: Request, error: Exception) -> Response:  # noqa: ARG001 # Starlette's signature
    """Return an answer that nobody reads, so that a client who went away is not an error in the log."""
    return _answer(CLIENT_CLOSED_REQUEST, "client_closed_request", "the client closed the connection")


def _answer(status: int, code: str, message: str) -> Response:
    return JsonLine({"error": {"code": code, "message": message}}, status)
