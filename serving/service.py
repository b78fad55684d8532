"""The BentoML service: `bentoml serve serving.service:EyespotService`, with EYESPOT_MODEL in the environment.

BentoML gives workers, health, metrics, tracing and packaging; all that is ours hangs below one mounted app,
because a mounted app that reads the raw body is its cheapest way in.
"""

import bentoml

from serving.api import build_app
from serving.engine import Engine
from serving.settings import Settings
from serving.stored_model import locate_model

REQUEST_TIMEOUT_S = 30

app = build_app()


@bentoml.service(name="eyespot", workers=1, traffic={"timeout": REQUEST_TIMEOUT_S})
@bentoml.asgi_app(app, path="/")
class EyespotService:
    """One worker. BentoML makes it before the worker takes requests, so `/readyz` says yes only once it is warm."""

    def __init__(self) -> None:
        settings = Settings.from_environment()
        app.state.settings = settings
        app.state.engine = Engine(locate_model(settings.model), settings.max_pixels)
