"""The BentoML service: `bentoml serve serving.service:EyespotService`, with EYESPOT_MODELS in the environment.

BentoML brings processes, TLS, tracing and packaging. What a worker answers is our own application alone: the
layers that BentoML would put around it cost a fifth of the throughput, and its routes would answer beside ours
in another form.
"""

import logging
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import bentoml
from bentoml._internal.configuration.containers import BentoMLContainer
from starlette.types import ASGIApp

from edge.errors import EyespotError, UsageError
from serving.application import build_app
from serving.idle_connections import allow_open_files
from serving.json_log import configure_logging
from serving.metrics import forget_dead_workers
from serving.providers import choose_provider
from serving.settings import SETTINGS_FILE, Settings
from serving.settings_sources import CONFIG_VARIABLE, settings_of_worker
from serving.state import ServiceState
from serving.supervisor import change_habits, end_idle_connections, without_effect

log = logging.getLogger("eyespot.service")

CANNOT_START = 2
# The settings of a bento, which 'eyespot serve --build' puts beside our packages.
BUNDLED = Path(__file__).resolve().parent.parent / SETTINGS_FILE

change_habits()
if BUNDLED.is_file():
    os.environ.setdefault(CONFIG_VARIABLE, str(BUNDLED))


class EyespotBentoService(bentoml.Service[Any]):  # type: ignore[misc]  # BentoML finds its names when they are used
    """A BentoML service whose workers run our application."""

    def to_asgi(self, is_main: bool = True) -> ASGIApp:  # noqa: ARG002 # BentoML's signature
        """Return the application, warm. A worker listens only after this, so `/readyz` never says yes too early."""
        self.inject_config()
        configure_logging()
        if find_spec("cv2"):  # it finds faces and glyphs, and models of whole pictures do without
            import cv2

            cv2.setNumThreads(1)  # the pool already has a thread for every core that is ours
        forget_dead_workers()
        allow_open_files()
        try:
            settings = settings_of_worker()
            end_idle_connections(settings.idle_timeout_s)
            choice = choose_provider(settings.provider)
            log.info("provider %s", choice)
            if idle := without_effect(settings):
                log.warning("no effect under 'bentoml serve', which has options for it: %s", ", ".join(idle))
            app = build_app(ServiceState.make(settings, choice.provider))
        except EyespotError as error:
            print(f"eyespot: {error}", file=sys.stderr)
            sys.exit(CANNOT_START)
        return _traced(app)


def _traced(app: ASGIApp) -> ASGIApp:
    """Return `app` inside OpenTelemetry where BentoML's configuration asks for traces."""
    if not BentoMLContainer.config.tracing.sample_rate.get():
        return app
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware

    return OpenTelemetryMiddleware(app, tracer_provider=BentoMLContainer.tracer_provider.get())


def _workers() -> int:
    try:
        return settings_of_worker().workers
    except UsageError:  # `bentoml build` imports this without any settings; a worker says what is wrong with them
        return Settings().workers


@bentoml.service(name="eyespot", service_class=EyespotBentoService, workers=_workers())
class EyespotService:
    """What BentoML starts; it has no methods, since all answers come from the application."""
