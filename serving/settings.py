"""The settings of the service: flags before environment variables, those before a TOML file, that before defaults."""

import argparse
import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from pythonjsonlogger.core import RESERVED_ATTRS

from edge.errors import UsageError, unknown_name
from edge.image import MAX_PIXELS

PREFIX = "EYESPOT_"
CONFIG_VARIABLE = f"{PREFIX}CONFIG"
# Variables of other rooms that may be in the same environment.
FOREIGN_VARIABLES = frozenset({f"{PREFIX}CACHE", f"{PREFIX}CACHE_GB"})
# The settings of a bento; 'eyespot serve --build' writes this file beside our packages.
BUNDLED = Path(__file__).resolve().parent.parent / "eyespot-bento.toml"
SECRETS = ("api_keys", "ssl_keyfile_password")
SHORTEST_KEY = 8
LEAST_DRIFT_WINDOW = 200

# One JSON object a line on standard error, in every process; nothing of a picture is ever in it.
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "fmt": "%(levelname)s %(name)s %(message)s",
            "rename_fields": {"levelname": "level", "name": "logger", "exc_info": "traceback"},
            "reserved_attrs": [*RESERVED_ATTRS, "color_message"],
            "timestamp": "time",
            "json_ensure_ascii": False,
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stderr"}},
    "root": {"level": "INFO", "handlers": ["stderr"]},
    "loggers": {
        "bentoml": {"handlers": [], "propagate": True},
        "uvicorn": {"handlers": [], "propagate": True},
        "uvicorn.access": {"level": "CRITICAL"},
        # A malformed form is its sender's matter.
        "python_multipart": {"level": "ERROR"},
    },
}


def _split(value: Any) -> Any:
    """Return the items of a comma-separated string or a JSON list; anything else as it is."""
    if not isinstance(value, str):
        return value
    if value.startswith("["):
        return json.loads(value)
    return [item.strip() for item in value.split(",") if item.strip()]


Strings = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Keys = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_split)]
Seconds = Annotated[float, Field(ge=0.001, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class Settings(BaseSettings):
    """All that can be set, by the names of the TOML file. Made by `read_settings`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, case_sensitive=False, extra="forbid", frozen=True)

    models: Strings = Field((), description=".onnx files, folders of them, or tags of BentoML's model store")
    host: str = Field("127.0.0.1", description="address or host name to listen on")
    port: int = Field(3000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    workers: Count = Field(1, description="processes that answer")
    threads: int = Field(
        0, ge=0, description="threads of each worker that decode and compute; 0: its share of the cores"
    )
    provider: Literal["auto", "cpu", "cuda", "tensorrt"] = Field("auto", description="what runs the network")
    use_fp16: bool = Field(False, description="on a GPU, run the fp16 file beside a float32 model in its place")
    max_batch: int = Field(16, ge=1, le=256, description="most pictures in one run of the network")
    max_wait_ms: float = Field(
        2.0, ge=0, allow_inf_nan=False, description="how long a picture may wait for others of its batch"
    )
    max_waiting: Count = Field(64, description="pictures that a worker receives or computes at once; more get 503")
    max_body_bytes: Count = Field(32 << 20, description="largest request body, decompressed")
    max_pixels: Count = Field(MAX_PIXELS, description="largest picture, by its header")
    max_images: Count = Field(32, description="most pictures in one request")
    max_memory_bytes: int = Field(
        1 << 30, ge=1 << 20, description="memory of a worker for bodies and for decoded pictures, half for each"
    )
    request_timeout_s: Seconds = Field(30.0, description="longest time for a request")
    idle_timeout_s: Count = Field(75, description="how long a connection is kept open between two requests")
    shutdown_timeout_s: Count = Field(30, description="how long requests in flight may take when the service ends")
    reload_every_s: float = Field(
        1.0, ge=0, allow_inf_nan=False, description="how often to look for replaced files; 0: models only on SIGHUP"
    )
    drift_window: int = Field(
        1000, ge=LEAST_DRIFT_WINDOW, description="last pictures of a model that are compared with its training"
    )
    access_log: bool = Field(True, description="one log line for each request")
    cors_origins: Strings = Field((), description="origins whose pages may send requests, or *")
    ssl_certfile: str = Field("", description="certificate chain in PEM, for HTTPS; read again when it changes")
    ssl_keyfile: str = Field("", description="private key of the certificate")
    ssl_keyfile_password: SecretStr = Field(SecretStr(""), description="password of the private key")
    api_keys_file: str = Field("", description="file of API keys, one a line; read again when it changes")
    api_keys: Keys = Field((), description="API keys")

    @model_validator(mode="after")
    def _check(self) -> Self:
        for key in (key.get_secret_value() for key in self.api_keys):
            if len(key) < SHORTEST_KEY or not (key.isascii() and key.isprintable()):
                raise ValueError(f"an API key must have at least {SHORTEST_KEY} printable ASCII characters")
        if bool(self.ssl_certfile) != bool(self.ssl_keyfile):
            raise ValueError("ssl_certfile and ssl_keyfile go together")
        if self.max_images > self.max_waiting:
            raise ValueError(f"max_images ({self.max_images}) must not be more than max_waiting ({self.max_waiting})")
        return self

    def to_toml(self) -> str:
        """Return the TOML file that would set these settings; secrets are left out."""
        lines = []
        for name, value in self:
            if name in SECRETS:
                lines.append(f"# {name}: {'set' if value else 'not set'}, not shown")
            else:
                lines.append(f"{name} = {json.dumps(value, ensure_ascii=False)}")
        return "\n".join(lines)


def use_settings(settings: Settings) -> None:
    """Have `current_settings` return `settings` in this process."""
    _in_use[:] = [settings]


def current_settings() -> Settings:
    """Return the settings of this process: those that it was started with, or those of its environment.

    Raises UsageError as `read_settings`.
    """
    if not _in_use:
        use_settings(read_settings())
    return _in_use[0]


_in_use: list[Settings] = []


def add_setting_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare a flag for every setting but `models` and the secrets, which a list of processes would show."""
    parser.allow_abbrev = False  # or --api-keys would mean --api-keys-file
    for name, field in Settings.model_fields.items():
        if name in (*SECRETS, "models"):
            continue
        shown = field.default if field.default not in ("", ()) else "none"
        options: dict[str, Any] = {"metavar": "VALUE"}
        if field.annotation is bool:
            options = {"action": argparse.BooleanOptionalAction}
        elif name == "cors_origins":
            options = {"action": "append", "metavar": "ORIGIN"}
        text = f"{field.description} (default {shown})".replace("%", "%%")
        parser.add_argument(f"--{name.replace('_', '-')}", default=None, help=text, **options)
    parser.add_argument("--config", metavar="FILE", help="TOML file of settings, by the names of --print-config")
    parser.add_argument("--print-config", action="store_true", help="print the settings in effect as TOML and end")


def read_settings(flags: Mapping[str, Any] | None = None, config: str | None = None) -> Settings:
    """Return the settings in effect. `flags` are those that were given; `config` names the TOML file.

    Raises UsageError for an unknown name, a wrong value, or a file that cannot be read.
    """
    variables = {f"{PREFIX}{name.upper()}": name for name in Settings.model_fields}
    for variable in os.environ:
        if variable.startswith(PREFIX) and variable not in (*variables, CONFIG_VARIABLE, *FOREIGN_VARIABLES):
            raise UsageError(unknown_name("setting", variable, list(variables)))
    file = config or os.environ.get(CONFIG_VARIABLE) or (str(BUNDLED) if BUNDLED.is_file() else None)
    found = _read_toml(file) if file else {}
    found = {name: value for name, value in found.items() if f"{PREFIX}{name.upper()}" not in os.environ}
    given = {name: value for name, value in (flags or {}).items() if name in Settings.model_fields}
    try:
        return Settings(**found | {name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise UsageError(_first_problem(error)) from None
    except ValueError as error:  # a list that is not JSON
        raise UsageError(f"the settings cannot be read ({error})") from None


def _read_toml(file: str) -> dict[str, Any]:
    """Return the settings of a file. Raises UsageError, for an unknown name with the nearest one."""
    try:
        found = tomllib.loads(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{file}: the settings cannot be read ({error.strerror})") from None
    except ValueError as error:  # of the TOML or of its encoding
        raise UsageError(f"{file}: this is not TOML ({error})") from None
    for name in found:
        if name not in Settings.model_fields:
            raise UsageError(f"{file}: {unknown_name('setting', name, list(Settings.model_fields))}")
    return found


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    message = problem["msg"].removeprefix("Value error, ")
    if not problem["loc"]:
        return message
    name = str(problem["loc"][0])
    received = "a secret" if name in SECRETS else f"{problem['input']!r:.60}"
    return f"{name}: {message}. Received: {received}"
