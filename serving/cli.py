"""Answer over HTTP: POST an image to /v1/classify.

/playground is a page to try it, / describes the interface; /v2 is the Open Inference Protocol; /livez, /readyz and
/metrics are for those who run it. Every setting can also come from the environment (EYESPOT_ and its name in capitals)
or from a TOML file.
"""

import argparse
import errno
import logging
import logging.config
import multiprocessing
import os
import resource
import shutil
import signal
import socket
import ssl
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from edge.arguments import DONE, NOTHING_DONE
from edge.errors import EyespotError, UsageError
from serving.auth import ApiKeys, file_signature
from serving.settings import LOGGING, PREFIX, SECRETS, Settings, add_setting_arguments, read_settings, use_settings

log = logging.getLogger("eyespot.server")

# prometheus_client shares the values of all workers in this folder.
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
# The head of a request, all its lines together; more is answered 400.
MAX_HEADER_BYTES = 32 << 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot serve` takes."""
    parser.add_argument(
        "models", metavar="MODEL", nargs="*", help="an .onnx file, a folder of them, or a tag of BentoML's model store"
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
    """Check settings, keys, certificate, port and models, then serve until a signal ends it."""
    flags = vars(arguments) | {"models": tuple(arguments.models) or None}
    settings = read_settings(flags, arguments.config)
    if arguments.print_config:
        print(settings.to_toml())
        return DONE
    if not settings.models:
        raise UsageError("name at least one MODEL: an .onnx file written by 'eyespot export', or a folder of them")
    if arguments.build:
        from serving.build import write_build

        return write_build(settings, arguments.build)
    for name in SECRETS:  # for no child of this process
        os.environ.pop(f"{PREFIX}{name.upper()}", None)
    ApiKeys([key.get_secret_value() for key in settings.api_keys], settings.api_keys_file)
    certificate = Certificate.of(settings)
    if certificate:
        certificate.load()
    sockets = bind(settings.host, settings.port)
    with suppress(OSError, ValueError):  # each connection is an open file
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    logging.config.dictConfig(LOGGING)
    config = uvicorn.Config(
        partial(create_app, settings),
        factory=True,
        http="h11",  # httptools has no limit on headers
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        ws="none",
        lifespan="on",
        log_config=LOGGING,
        access_log=False,
        server_header=False,
        workers=settings.workers,
        timeout_keep_alive=settings.idle_timeout_s,
        timeout_graceful_shutdown=settings.shutdown_timeout_s,
        ssl_context_factory=certificate,
    )
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"{'https' if certificate else 'http'}://{host}:{sockets[0].getsockname()[1]}"
    return (
        _serve_alone(config, sockets, address) if settings.workers == 1 else _serve(config, sockets, address, settings)
    )


def create_app(settings: Settings) -> ASGIApp:
    """Return the application of a worker, its models loaded. Raises what loading them raises."""
    use_settings(settings)
    _choose_home()
    from serving.service import EyespotService, load_state

    load_state()
    asgi: ASGIApp = EyespotService.to_asgi()  # type: ignore[attr-defined]
    return asgi


def _choose_home() -> None:
    """Give BentoML a folder of its own where the user's home cannot be written to; it wants one when it is used."""
    home = Path(os.environ.get("BENTOML_HOME") or Path("~/bentoml").expanduser())
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        os.environ["BENTOML_HOME"] = tempfile.mkdtemp(prefix="eyespot-bentoml-")


def _serve_alone(config: uvicorn.Config, sockets: list[socket.socket], address: str) -> int:
    """Serve in this process."""
    server = Announcing(config, address)

    def end(_number: int, _frame: FrameType | None) -> None:
        if not server.started:  # uvicorn raises the signal once more when it has ended well
            raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    server.run(sockets)
    return DONE if server.started else NOTHING_DONE


def _serve(config: uvicorn.Config, sockets: list[socket.socket], address: str, settings: Settings) -> int:
    """Serve with workers, after a process that ends again has loaded the models: this one stays small."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        pool.submit(check_models, settings).result()
    folder = tempfile.mkdtemp(prefix="eyespot-metrics-")
    os.environ[SHARED_FOLDER] = folder
    try:
        supervisor = Workers(config, sockets)
        print(f"eyespot: on {address}, {settings.workers} workers", file=sys.stderr)
        supervisor.run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return NOTHING_DONE if supervisor.failed else DONE


def check_models(settings: Settings) -> None:
    """Load all models once. Raises what loading them raises."""
    from serving.inference.repository import Repository
    from serving.inference.sessions import choose_provider

    Repository(settings, choose_provider(settings.provider)[0]).close()


class Announcing(uvicorn.Server):
    """A server that prints its address as soon as it listens."""

    def __init__(self, config: uvicorn.Config, address: str) -> None:
        super().__init__(config)
        self._address = address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        print(f"eyespot: on {self._address}", file=sys.stderr)


class Workers(Multiprocess):
    """uvicorn's supervisor; it also logs and counts a worker's death, and stops listening at the start of its end."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        from prometheus_client import CollectorRegistry, Counter

        super().__init__(config, sockets)
        self.failed = False
        self._deaths = Counter(
            "eyespot_worker_deaths", "Workers that ended by themselves", ["signal"], registry=CollectorRegistry()
        )

    def keep_subprocess_alive(self) -> None:
        """Replace the workers that are dead."""
        from prometheus_client.multiprocess import mark_process_dead

        before = list(self.processes)
        super().keep_subprocess_alive()
        for old, new in zip(before, self.processes, strict=True):
            self.failed |= old.exitcode == STARTUP_FAILURE
            if old is not new and old.pid is not None:
                code = old.exitcode or 0
                name = signal.Signals(-code).name if code < 0 else f"status {code}"
                log.error("a worker died", extra={"pid": old.pid, "signal": name})
                self._deaths.labels(name).inc()
                mark_process_dead(old.pid)  # type: ignore[no-untyped-call]

    def handle_hup(self) -> None:
        """Have the workers look at the model files, in place of starting them anew."""
        for process in self.processes:
            if process.pid is not None:
                os.kill(process.pid, signal.SIGHUP)

    def terminate_all(self) -> None:
        """Tell all workers to end. This process has the sockets too, and would let clients connect to nobody."""
        super().terminate_all()
        for listener in self.sockets:
            listener.close()


def bind(host: str, port: int) -> list[socket.socket]:
    """Return sockets bound to every address that `host` stands for, at one port; 0 takes a free one.

    They do not listen yet, so no client waits while models load. Raises UsageError.
    """
    sockets: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, _, _, address in dict.fromkeys(found):
            listener = socket.socket(family, kind)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host != "::")
            try:
                listener.bind((address[0], port or (sockets[0].getsockname()[1] if sockets else 0), *address[2:]))
            except OSError as error:
                listener.close()
                if not sockets or error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
            else:
                sockets.append(listener)
    except (OSError, UnicodeError) as error:
        for listener in sockets:
            listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"cannot listen on {host}, port {port} ({reason}); choose another --host or --port") from None
    return sockets


@dataclass(frozen=True)
class Certificate:
    """The certificate of a server and its key. Called by uvicorn in each worker, which then takes up renewed files."""

    certfile: str
    keyfile: str
    password: str
    look_every_s: float

    @classmethod
    def of(cls, settings: Settings) -> "Certificate | None":
        """Return the certificate that the settings name, if they do."""
        if not settings.ssl_certfile:
            return None
        password = settings.ssl_keyfile_password.get_secret_value()
        return cls(settings.ssl_certfile, settings.ssl_keyfile, password, settings.reload_every_s)

    def load(self) -> ssl.SSLContext:
        """Return a context with TLS 1.2 or newer and OpenSSL's secure ciphers. Raises UsageError for the files."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
        context.set_alpn_protocols(["http/1.1"])
        for file in (self.certfile, self.keyfile):
            if not os.access(file, os.R_OK):
                raise UsageError(f"{file}: the file cannot be read")
        try:  # a password that is given, even an empty one, keeps OpenSSL from asking on the terminal
            context.load_cert_chain(self.certfile, self.keyfile, lambda: self.password)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            reason = getattr(error, "reason", None) or error
            raise UsageError(
                f"{self.certfile} and {self.keyfile} are no certificate with its key in PEM, or the password of the "
                f"key is wrong ({reason})"
            ) from None
        return context

    def __call__(self, *_: object) -> ssl.SSLContext:
        """Return the context of a worker."""
        context = self.load()
        if self.look_every_s:
            threading.Thread(target=self._keep_fresh, args=(context,), name="eyespot-tls", daemon=True).start()
        return context

    def _keep_fresh(self, context: ssl.SSLContext) -> None:
        seen = self._signature()
        while True:
            time.sleep(self.look_every_s)
            if (now := self._signature()) == seen:
                continue
            seen = now
            try:
                self.load()  # first into another context: a key that does not fit would leave this one without any
                context.load_cert_chain(self.certfile, self.keyfile, lambda: self.password)
                log.info("certificate read again", extra={"file": self.certfile})
            except (EyespotError, OSError) as error:
                log.warning("the certificate stays as it was: %s", error)

    def _signature(self) -> tuple[int, ...]:
        return file_signature(Path(self.certfile)) + file_signature(Path(self.keyfile))
