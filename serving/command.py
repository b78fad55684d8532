"""Answer over HTTP: POST an image to /v1/classify.

/playground is a page to try it, / describes the interface; /v2 is the Open Inference Protocol;
/livez, /readyz and /metrics are there for whoever watches over it.
Every setting may also stand in the environment (EYESPOT_ and its name in capitals) or in a TOML file.
"""

import argparse
import os
import socket
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from edge.cli import DONE
from edge.errors import UsageError
from serving.keys import ApiKeys
from serving.providers import AUTO, CPU, choose_provider
from serving.repository import Repository
from serving.settings import Settings
from serving.settings_sources import CONFIG_VARIABLE, add_setting_arguments, gather_settings
from serving.stored_model import locate_model

STANDARD_OUTPUT, STANDARD_ERROR = 1, 2
SERVICE = "serving.service:EyespotService"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot serve` takes."""
    parser.add_argument(
        "models", metavar="MODEL", nargs="*", help="an .onnx file, a folder of them, or a tag of BentoML"
    )
    add_setting_arguments(parser)
    parser.add_argument(
        "--build",
        type=Path,
        metavar="FOLDER",
        help="serve nothing; write what 'bentoml build' needs for an image of these models, for CPUs or with "
        "--provider cuda or tensorrt for GPUs",
    )


def run(arguments: argparse.Namespace) -> int:
    """Check that models, provider, keys and port are good, then become the BentoML server. Returns only if told to."""
    if find_spec("bentoml") is None:
        raise ModuleNotFoundError("no bentoml", name="bentoml")
    settings = gather_settings(arguments)
    if arguments.print_config:
        print(settings.to_toml())
        return DONE
    if not settings.models:
        raise UsageError("name at least one MODEL: an .onnx file written by 'eyespot export', or a folder of them")
    if arguments.build:
        return _write_build(settings, arguments.build)
    # Workers have another working folder.
    settings = replace(settings, models=tuple(str(locate_model(name).resolve()) for name in settings.models))
    for name in ("api_keys_file", "ssl_certfile", "ssl_keyfile"):
        if file := getattr(settings, name):
            settings = replace(settings, **{name: str(Path(file).resolve())})  # type: ignore[arg-type]  # all three are texts
    ApiKeys(settings.api_keys, settings.api_keys_file)
    choice = choose_provider(settings.provider)
    settings = replace(settings, provider=choice.provider)  # workers may not fall back to another one
    _check_port(settings.host, settings.port)
    names = _check_models(settings)
    address = f"{'https' if settings.ssl_certfile else 'http'}://{_bracketed(settings.host)}:{settings.port}"
    print(f"eyespot: {names} on {address}, provider {choice}", file=sys.stderr)
    return _become_server(settings)


def _write_build(settings: Settings, folder: Path) -> int:
    """Write the folder for BentoML, after loading the models as they would be served; a GPU need not be here."""
    from serving.build import write_build

    settings = replace(settings, provider=CPU if settings.provider == AUTO else settings.provider)
    _check_models(replace(settings, provider=CPU))
    write_build(settings, folder)
    steps = "bentoml build, then: bentoml containerize eyespot:latest"
    print(f"wrote {folder}, for {settings.provider}; go on in it with: {steps}")
    return DONE


def _check_models(settings: Settings) -> str:
    """Return what will be served, after loading it all once: a worker could say only in its log what is wrong."""
    repository = Repository(settings, settings.provider)
    names = ", ".join(f"{engine.spec.name} {engine.spec.version}" for engine in repository.engines)
    repository.close()
    return names


def _become_server(settings: Settings) -> int:
    sys.stderr.flush()
    os.dup2(STANDARD_ERROR, STANDARD_OUTPUT)  # BentoML logs to standard output, where only results belong
    # The folder that holds our packages, so that a folder of the same name where the user stands is not taken.
    home = str(Path(__file__).resolve().parent.parent)
    start = f"import sys; sys.path.insert(0, {home!r}); from serving.supervisor import main; main()"
    command = [sys.executable, "-P", "-c", start, "serve", SERVICE]
    command += ["--working-dir", home, "--host", settings.host, "--port", str(settings.port)]
    command += ["--timeout-graceful-shutdown", str(settings.shutdown_timeout_s)]
    if settings.ssl_certfile:
        command += ["--ssl-certfile", settings.ssl_certfile, "--ssl-keyfile", settings.ssl_keyfile]
    environment = {"BENTOML_DO_NOT_TRACK": "True"} | os.environ | settings.to_environment()
    environment.pop(CONFIG_VARIABLE, None)  # what it says is already among the settings
    os.execve(sys.executable, command, environment)  # noqa: S606 # our own interpreter and arguments
    return DONE


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _check_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError, TypeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UsageError(
                f"cannot listen on {_bracketed(host)}:{port} ({reason}); choose another --host or --port"
            ) from None
