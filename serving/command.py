"""Answer over HTTP: POST an image to /v1/classify.

The page at / describes the interface; /livez, /readyz and /metrics are there for whoever watches over it.
"""

import argparse
import os
import socket
import sys
from importlib.util import find_spec
from pathlib import Path

from edge.arguments import positive
from edge.classifier import Classifier
from edge.decode import MAX_PIXELS
from edge.errors import UsageError
from edge.self_test import require_self_test
from serving.settings import MAX_BODY_BYTES, Settings
from serving.stored_model import locate_model

HOST = "127.0.0.1"
PORT = 3000
STANDARD_OUTPUT, STANDARD_ERROR = 1, 2
SERVICE = "serving.service:EyespotService"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot serve` takes."""
    parser.add_argument("model", metavar="MODEL", help="an .onnx file written by 'eyespot export', or a tag of BentoML")
    parser.add_argument("--host", default=HOST, help=f"the address to listen on (default {HOST}, this machine only)")
    parser.add_argument("--port", type=int, default=PORT, help=f"(default {PORT})")
    parser.add_argument(
        "--max-body-bytes", type=positive, default=MAX_BODY_BYTES, metavar="N", help=f"(default {MAX_BODY_BYTES:,})"
    )
    parser.add_argument(
        "--max-pixels", type=positive, default=MAX_PIXELS, metavar="N", help=f"(default {MAX_PIXELS:,})"
    )


def run(arguments: argparse.Namespace) -> int:
    """Check that the model and the port are good, then become the BentoML server. Does not return."""
    if find_spec("bentoml") is None:
        raise ModuleNotFoundError("no bentoml", name="bentoml")
    model = locate_model(arguments.model)
    settings = Settings(str(model.resolve()), arguments.max_body_bytes, arguments.max_pixels)
    classifier = Classifier.load(model)
    require_self_test(classifier, arguments.model)
    _check_port(arguments.host, arguments.port)
    print(
        f"eyespot: {classifier.spec.name} {classifier.spec.version} on http://{_bracketed(arguments.host)}:{arguments.port}",
        file=sys.stderr,
    )
    sys.stderr.flush()
    os.dup2(STANDARD_ERROR, STANDARD_OUTPUT)  # BentoML logs to standard output, where only results belong
    # The folder that holds our packages, so that a folder of the same name where the user stands is not taken.
    home = str(Path(__file__).resolve().parent.parent)
    command = [sys.executable, "-m", "bentoml", "serve", SERVICE, "--working-dir", home]
    command += ["--host", arguments.host, "--port", str(arguments.port)]
    environment = {"BENTOML_DO_NOT_TRACK": "True"} | os.environ | settings.to_environment()
    os.execve(sys.executable, command, environment)  # noqa: S606 # our own interpreter and arguments


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
