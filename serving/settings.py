"""What the service can be told, in one typed place.

Workers are processes of their own that BentoML starts, so settings travel to them in the environment; see
`serving.settings_sources` for where a setting may come from.
"""

import json
import math
from dataclasses import Field, dataclass, field, fields
from typing import Any

from edge.errors import UsageError
from edge.image import MAX_PIXELS
from serving.drift_window import LEAST_PICTURES
from serving.providers import AUTO, EXECUTION_PROVIDERS

PREFIX = "EYESPOT_"
# What a bento carries; `serving.service` reads it where nothing else names a file of settings.
SETTINGS_FILE = "eyespot-bento.toml"
MAX_BODY_BYTES = 32 << 20
LARGEST_BATCH = 256
PROVIDERS = (AUTO, *EXECUTION_PROVIDERS)


def _setting(default: Any, about: str, least: float | None = None, secret: bool = False) -> Any:
    return field(default=default, metadata={"help": about, "least": least, "secret": secret})


@dataclass(frozen=True)
class Settings:
    """The models to serve and every limit, name by name as in the TOML file."""

    models: tuple[str, ...] = _setting((), "files written by 'eyespot export', or folders of them")
    host: str = _setting("127.0.0.1", "the address to listen on")
    port: int = _setting(3000, "the port to listen on", 0)
    workers: int = _setting(1, "processes that answer", 1)
    threads: int = _setting(0, "threads that compute in each worker; 0: its share of the cores", 0)
    provider: str = _setting(AUTO, f"what runs the network: {', '.join(PROVIDERS)}")
    use_fp16: bool = _setting(True, "on a GPU, run the fp16 variant that stands beside a float32 model")
    max_batch: int = _setting(16, "the most pictures that go through the network together", 1)
    max_wait_ms: float = _setting(2.0, "how long a picture may wait for others", 0)
    max_waiting: int = _setting(64, "pictures that may wait in a worker; more are answered 503", 1)
    max_body_bytes: int = _setting(MAX_BODY_BYTES, "the largest request body, decompressed", 1)
    max_pixels: int = _setting(MAX_PIXELS, "the largest picture, by its header", 1)
    max_images: int = _setting(32, "the most pictures in one request", 1)
    request_timeout_s: float = _setting(30.0, "the longest a request may take", 0.001)
    idle_timeout_s: float = _setting(20.0, "the longest a connection may go without the head of a request", 0.001)
    shutdown_timeout_s: int = _setting(30, "how long requests in flight may take when it is told to end", 1)
    reload_every_s: float = _setting(1.0, "how often to look for replaced model files; 0: only on SIGHUP", 0)
    drift_window: int = _setting(
        1000, "the last pictures of a model that are compared with its training", LEAST_PICTURES
    )
    access_log: bool = _setting(True, "one line for each request")
    cors_origins: tuple[str, ...] = _setting((), "origins of pages that may ask, or *")
    ssl_certfile: str = _setting("", "a certificate, for HTTPS")
    ssl_keyfile: str = _setting("", "the private key of the certificate")
    api_keys_file: str = _setting("", "a file of API keys, one a line, that is read again when it changes")
    api_keys: tuple[str, ...] = _setting((), "API keys", secret=True)

    def __post_init__(self) -> None:
        for setting in fields(self):
            value, least = getattr(self, setting.name), setting.metadata["least"]
            if least is not None and not (least <= value < math.inf):
                raise UsageError(f"{setting.name} must be at least {least}. Received: {value}")
        if self.provider not in PROVIDERS:
            raise UsageError(f"provider must be one of {', '.join(PROVIDERS)}. Received: {self.provider!r}")
        if bool(self.ssl_certfile) != bool(self.ssl_keyfile):
            raise UsageError("ssl_certfile and ssl_keyfile go together")
        if self.max_batch > LARGEST_BATCH:
            raise UsageError(f"max_batch must be at most {LARGEST_BATCH}. Received: {self.max_batch}")
        if self.max_images > self.max_waiting:
            raise UsageError(f"max_images ({self.max_images}) must not be more than max_waiting ({self.max_waiting})")
        if any(len(key) < SHORTEST_KEY or not (key.isascii() and key.isprintable()) for key in self.api_keys):
            raise UsageError(f"an API key must have at least {SHORTEST_KEY} printable ASCII characters")

    def to_environment(self) -> dict[str, str]:
        """Return the settings as environment variables, `EYESPOT_` and the name in capitals; lists are JSON."""
        values = ((setting, getattr(self, setting.name)) for setting in fields(self))
        return {
            variable(setting): json.dumps(value) if isinstance(value, tuple | bool) else str(value)
            for setting, value in values
        }

    def to_toml(self) -> str:
        """Return the settings as the TOML file that would set them; secrets are left out and only counted."""
        lines = []
        for setting in fields(self):
            value = getattr(self, setting.name)
            if setting.metadata["secret"]:
                lines.append(f"# {setting.name}: {len(value)}, not shown")
            else:
                lines.append(f"{setting.name} = {json.dumps(value, ensure_ascii=False)}")
        return "\n".join(lines)


SHORTEST_KEY = 8


def variable(setting: "Field[Any]") -> str:
    """Return the environment variable of a setting."""
    return f"{PREFIX}{setting.name.upper()}"
