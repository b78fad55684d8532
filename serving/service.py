"""The BentoML service: `bentoml serve serving.service:EyespotService`, with EYESPOT_MODELS in the environment.

'eyespot serve' runs the same service under uvicorn. Our routes are a FastAPI application that is mounted; beside it is
one typed API for arrays of pixels, which `bentoml.SyncHTTPClient` calls.
"""

import ctypes
import logging
import logging.config
import os
import sys
from contextlib import suppress
from http import HTTPStatus
from typing import Annotated, Any

import bentoml
import numpy as np
from bentoml.exceptions import BentoMLException, InvalidArgument
from bentoml.validators import DType
from starlette.middleware import Middleware

from edge.errors import EyespotError
from edge.model import read_spec
from edge.result import DEFAULT_TOP_K
from serving.app import build_app, middleware
from serving.errors import RequestError
from serving.inference.repository import find_models
from serving.inference.sessions import choose_provider
from serving.middleware import PIXELS_PATH, OursFirst
from serving.routes import State, describe, outcomes
from serving.settings import LOGGING, PREFIX, current_settings

log = logging.getLogger("eyespot.service")

CANNOT_START = 2
# glibc gives back freed blocks from this size on. Its own threshold grows with the blocks, and a few large pictures
# left 200 MB behind.
M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES = -3, 4 << 20

app = build_app()
try:
    # BentoML's command line imports this before it starts a worker, so what is wrong ends it. A build has no models.
    settings = current_settings()
    for path in find_models(settings.models):
        read_spec(path)
except EyespotError as error:
    print(f"eyespot: {error}", file=sys.stderr)
    sys.exit(CANNOT_START)


def load_state() -> None:
    """Load the models into the application, once. Raises what loading them raises."""
    if hasattr(app.state, "service"):
        return
    with suppress(AttributeError, OSError):  # where the C library is not glibc
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)
    provider, passed_over = choose_provider(settings.provider)
    app.state.service = State.load(settings, provider)
    log.info("provider %s", "; ".join(filter(None, (provider, passed_over))))
    for secret in ("API_KEYS", "SSL_KEYFILE_PASSWORD"):  # for no child of this process
        os.environ.pop(f"{PREFIX}{secret}", None)


@bentoml.service(
    name="eyespot",
    workers=settings.workers,
    traffic={"timeout": settings.request_timeout_s + 1},  # ours answers first, in our form
    metrics={"enabled": False},  # /metrics is ours; BentoML's has a label that every client can make values of
    logging={"access": {"enabled": False}},  # so is the log
)
@bentoml.asgi_app(app)
class EyespotService:
    """Image classification over HTTP."""

    def __init__(self) -> None:
        """Load the models, unless they are."""
        logging.config.dictConfig(LOGGING)
        try:
            load_state()
        except EyespotError as error:
            log.critical("%s", error)
            raise

    @bentoml.api(route=PIXELS_PATH)  # type: ignore[untyped-decorator]
    async def classify_pixels(
        self,
        images: Annotated[np.ndarray, DType("uint8")],
        top_k: int = DEFAULT_TOP_K,
        min_probability: float = 0.0,
        model: str | None = None,
    ) -> list[dict[str, Any]]:
        """Return the answer, or the error, for each of `images`, uint8 RGB [N, H, W, 3]."""
        state: State = app.state.service
        if images.ndim != 4 or images.shape[3] != 3 or 0 in images.shape:
            raise InvalidArgument(f"images must be uint8 RGB [N, H, W, 3]. Received: {list(images.shape)}")
        if top_k < 1 or not 0 <= min_probability <= 1 or len(images) > state.settings.max_images:
            raise InvalidArgument(
                f"top_k must be at least 1, min_probability 0 to 1, images at most {state.settings.max_images}. "
                f"Received: {top_k}, {min_probability}, {len(images)}"
            )
        try:
            engine = state.repository.find(model)
            with state.admission.hold(len(images) - 1):
                found = await outcomes([engine.submit(pixels) for pixels in images])
        except RequestError as error:
            raise BentoMLException(str(error), error_code=HTTPStatus(error.status)) from None
        return [describe(state, engine, answer, top_k, min_probability) for answer in found]


for layer in (*middleware(app, settings), Middleware(OursFirst, ours=app)):
    EyespotService.add_asgi_middleware(layer.cls, **layer.kwargs)  # type: ignore[attr-defined]
