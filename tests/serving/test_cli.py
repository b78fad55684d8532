"""`eyespot serve` as a process: starts that fail are status 2 and one line, addresses are what was asked for, TLS."""

import os
import re
import socket
import ssl
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import onnxruntime
import pytest

from edge.errors import UsageError
from eyespot.cli import main
from serving.cli import Certificate, bind
from tests.conftest import Run
from tests.serving.conftest import STOP_S, encode_png, serve
from tests.serving.inference.test_engine import broken_self_test, with_self_test
from tests.waiting import until

KEY = "0123456789abcdef"


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(["serve", *map(str, arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith("eyespot: ")
    return line


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "name at least one MODEL"),
        (["{model}", "--provider", "gpu"], "provider: "),
        (["{model}", "--api-keys-file", "{empty}/keys"], "the API keys cannot be read"),
        (["{model}", "--ssl-certfile", "c.pem"], "go together"),
        (["{model}", "--ssl-certfile", "{empty}/c.pem", "--ssl-keyfile", "{empty}/k.pem"], "c.pem: the file cannot be"),
        (["{model}", "--ssl-certfile", "{model}", "--ssl-keyfile", "{model}"], "are no certificate"),
        (["{model}", "--config", "{empty}/none.toml"], "settings cannot be read"),
        (["{model}", "--max-waiting", "0"], "max_waiting: "),
        (["{model}", "--port", "70000"], "port: "),
        (["{model}", "--host", "256.1.1.1"], "cannot listen on"),
        (["{model}", "--host", "m\u00fcnchen..de"], "cannot listen on"),
        (["{model}", "--host", "192.0.2.1"], "cannot listen on"),  # for documentation (RFC 5737): no machine has it
        (["{model}", "--port", "{busy}"], "cannot listen on 127.0.0.1, port"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_what_is_wrong_before_a_start_is_one_line(
    tiny_model: Path, tmp_path: Path, busy_port: int, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    (tmp_path / "empty").mkdir()
    places = {"model": tiny_model, "empty": tmp_path / "empty", "busy": busy_port}
    assert said in refused(capsys, *(option.format(**places) for option in options))


def test_print_config_shows_what_is_in_effect_and_starts_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EYESPOT_API_KEYS", KEY)
    monkeypatch.setenv("EYESPOT_WORKERS", "3")
    assert main(["serve", "m.onnx", "--port", "77", "--print-config"]) == 0
    text = capsys.readouterr().out
    found = tomllib.loads(text)
    assert (found["models"], found["port"], found["workers"]) == (["m.onnx"], 77, 3)
    assert KEY not in text


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_model_that_cannot_be_served_is_status_2_and_one_line(
    tiny_content: bytes, tmp_path: Path, eyespot: Run, workers: str
) -> None:
    files = {"text.onnx": b"words, not a model", "short.onnx": tiny_content[:-100]}
    paths = [tmp_path / "none.onnx", *(tmp_path / name for name in files)]
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    paths.append(with_self_test(tiny_content, broken_self_test(), tmp_path / "wrong.onnx"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "twice").mkdir()
    for name in ("1.onnx", "2.onnx"):
        (tmp_path / "twice" / name).write_bytes(tiny_content)
    for path in (*paths, tmp_path / "empty", tmp_path / "twice"):
        done = eyespot("serve", path, "--port", "0", "--workers", workers, timeout=60)
        assert (done.returncode, done.stdout) == (2, ""), path
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert str(path) in done.stderr


@pytest.mark.slow
@pytest.mark.skipif("CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="it has CUDA")
def test_a_provider_that_does_not_load_is_status_2_and_one_line(tiny_model: Path, eyespot: Run) -> None:
    done = eyespot("serve", tiny_model, "--port", "0", "--provider", "cuda", timeout=60)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert "'cuda' does not load here" in done.stderr


@pytest.mark.parametrize(("host", "families"), [("localhost", 1), ("127.0.0.1", 1), ("::1", 1), ("::", 1)])
def test_every_address_of_a_host_is_listened_on_at_one_port(host: str, families: int) -> None:
    sockets = bind(host, 0)
    try:
        ports = {listener.getsockname()[1] for listener in sockets}
        assert len(ports) == 1
        assert ports != {0}
        assert len({listener.family for listener in sockets}) >= families
        for listener in sockets:
            listener.listen()
        with pytest.raises(UsageError, match="cannot listen on"):
            bind(host, ports.pop())
    finally:
        for listener in sockets:
            listener.close()


@pytest.mark.slow
@pytest.mark.parametrize("host", ["localhost", "::1"])
def test_port_0_is_announced_as_what_it_became(tiny_model: Path, tmp_path: Path, host: str) -> None:
    command = [str(Path(sys.executable).with_name("eyespot")), "serve", str(tiny_model), "--host", host, "--port", "0"]
    log = tmp_path / "log.txt"
    # Neither a home nor a key may be needed or left over.
    environment = os.environ | {"HOME": "/nonexistent", "EYESPOT_API_KEYS": KEY}
    with log.open("wb") as errors:
        process = subprocess.Popen(command, cwd=tmp_path, stderr=errors, env=environment)
    try:
        found = until(lambda: re.search(r"^eyespot: on (http://\S+)$", log.read_text(), re.MULTILINE))
        answer = httpx.post(f"{found[1]}/v1/classify", content=encode_png(250), headers={"X-API-Key": KEY})
        assert answer.json()["predictions"][0]["label"] == "bright"
        assert f"{host}:" in found[1].replace("[", "").replace("]", "")
    finally:
        process.terminate()
        assert process.wait(STOP_S) == 0


def make_certificate(folder: Path, name: str, password: str = "") -> tuple[Path, Path]:
    """Make a certificate for localhost with OpenSSL's own command."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "2"]
    command += [
        "-subj",
        f"/CN={name}",
        "-addext",
        "subjectAltName=DNS:localhost",
        "-out",
        str(cert),
        "-keyout",
        str(key),
    ]
    command += ["-passout", f"pass:{password}"] if password else ["-nodes"]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


def test_a_wrong_password_and_a_key_of_another_certificate_are_refused(tmp_path: Path) -> None:
    cert, key = make_certificate(tmp_path, "one", "secret-123")
    other = make_certificate(tmp_path, "two")[1]
    assert Certificate(str(cert), str(key), "secret-123", 0).load().minimum_version >= ssl.TLSVersion.TLSv1_2
    for keyfile, password in ((key, "wrong"), (key, ""), (other, "")):
        with pytest.raises(UsageError, match="are no certificate with its key"):
            Certificate(str(cert), str(keyfile), password, 0).load()


@pytest.mark.slow
def test_tls_is_modern_takes_a_password_and_takes_up_a_renewed_certificate(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EYESPOT_SSL_KEYFILE_PASSWORD", "secret-123")
    cert, key = make_certificate(tmp_path, "first", "secret-123")
    options = ["--ssl-certfile", str(cert), "--ssl-keyfile", str(key), "--reload-every-s", "0.1"]
    with serve(tiny_model, tmp_path, tmp_path / "log.txt", *options) as (url, _):
        port = int(url.rpartition(":")[2])

        def connect(version: ssl.TLSVersion | None = None) -> tuple[str, str, str]:
            context = ssl.create_default_context(cafile=str(cert))
            if version:
                context.minimum_version = context.maximum_version = version
            plain = socket.create_connection(("127.0.0.1", port), 30)
            with plain, context.wrap_socket(plain, server_hostname="localhost") as secure:
                subject = dict(pair[0] for pair in (secure.getpeercert() or {})["subject"])  # type: ignore[misc,arg-type]
                return secure.version() or "", (secure.cipher() or ("",))[0], str(subject["commonName"])

        assert connect()[0] == "TLSv1.3"
        version, cipher, name = connect(ssl.TLSVersion.TLSv1_2)
        assert (version, name) == ("TLSv1.2", "first")
        assert "ECDHE" in cipher
        assert "CBC" not in cipher
        tried = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_1"], capture_output=True, input=b""
        )
        assert b"Cipher is (NONE)" in tried.stdout or tried.returncode != 0
        renewed = make_certificate(tmp_path, "second", "secret-123")
        for new, old in zip(renewed, (cert, key), strict=True):
            new.replace(old)

        def is_renewed() -> bool:
            with suppress(ssl.SSLCertVerificationError):  # the old one, by the new one's authority
                return connect()[2] == "second"
            return False

        until(is_renewed)
