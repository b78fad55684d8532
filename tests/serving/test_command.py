"""`eyespot serve` before there is a server: what it refuses, and the command it becomes."""

import errno
import os
import socket
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import onnxruntime
import pytest

from edge.cli import main
from serving.settings import Settings
from serving.settings_sources import settings_of_worker
from tests.conftest import Run
from tests.serving.conftest import find_free_port
from tests.serving.test_engine import broken_self_test, with_self_test

Started = tuple[str, list[str], dict[str, str]]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Started]:
    """What would have taken the place of this process."""
    calls: list[Started] = []
    monkeypatch.setattr("os.execve", lambda *call: calls.append(call))
    monkeypatch.setattr("os.dup2", lambda *_: None)  # or the tests' own output would move
    return calls


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


def test_it_becomes_a_bentoml_server_with_the_settings_in_its_environment(
    tiny_model: Path, started: list[Started], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_model.parent)
    port = find_free_port()
    main(
        ["serve", "tiny.onnx", "--port", str(port), "--max-body-bytes", "7", "--max-pixels", "9", "--provider", "auto"]
    )
    ((program, command, environment),) = started
    assert program == sys.executable
    assert command[1:3] == ["-P", "-c"]
    assert "from serving.supervisor import main" in command[3]
    assert command[4:6] == ["serve", "serving.service:EyespotService"]
    assert command[command.index("--port") + 1] == str(port)
    assert command[command.index("--host") + 1] == "127.0.0.1"
    expected = Settings((str(tiny_model),), port=port, max_body_bytes=7, max_pixels=9, provider="cpu")
    assert settings_of_worker(environment) == expected
    assert environment["BENTOML_DO_NOT_TRACK"] == "True"
    assert f"http://127.0.0.1:{port}" in capsys.readouterr().err


def test_the_address_is_that_of_https_where_there_is_a_certificate(
    tiny_model: Path, started: list[Started], capsys: pytest.CaptureFixture[str]
) -> None:
    port = find_free_port()
    main(["serve", str(tiny_model), "--port", str(port), "--ssl-certfile", "c.pem", "--ssl-keyfile", "k.pem"])
    assert len(started) == 1
    assert f" on https://127.0.0.1:{port}, provider " in capsys.readouterr().err


def test_whoever_allows_tracking_is_not_overruled(
    tiny_model: Path, started: list[Started], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENTOML_DO_NOT_TRACK", "False")
    main(["serve", str(tiny_model), "--port", str(find_free_port())])
    assert started[0][2]["BENTOML_DO_NOT_TRACK"] == "False"


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "no such model file"), (b"words, not a model", "not an ONNX model"), (b"", "not an ONNX model")],
    ids=["missing", "text", "empty"],
)
def test_a_bad_model_is_one_line(
    tmp_path: Path, started: list[Started], capsys: pytest.CaptureFixture[str], content: bytes | None, said: str
) -> None:
    path = tmp_path / "m.onnx"
    if content is not None:
        path.write_bytes(content)
    line = refused(capsys, path)
    assert said in line
    assert str(path) in line
    assert started == []


def test_a_model_cut_short_is_one_line(
    tiny_model: Path, started: list[Started], capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_model.write_bytes(tiny_model.read_bytes()[:-100])
    assert "cut short" in refused(capsys, tiny_model)
    assert started == []


def test_a_model_that_answers_wrongly_here_is_one_line(
    tiny_content: bytes, tmp_path: Path, started: list[Started], capsys: pytest.CaptureFixture[str]
) -> None:
    path = with_self_test(tiny_content, broken_self_test(), tmp_path / "wrong.onnx")
    assert "does not answer here as the original network did" in refused(capsys, path)
    assert started == []


def test_a_busy_port_is_one_line(
    tiny_model: Path, busy_port: int, started: list[Started], capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(capsys, tiny_model, "--port", busy_port)
    assert f"127.0.0.1:{busy_port}" in line
    assert os.strerror(errno.EADDRINUSE) in line
    assert started == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--port", "70000"],
        ["--host", "256.1.1.1"],
        ["--host", "not a host"],
        ["--host", "m\u00fcnchen..de"],
        ["--host", "192.0.2.1"],  # an address for documentation (RFC 5737), which no machine has
    ],
    ids=" ".join,
)
def test_an_address_that_cannot_be_listened_on_is_one_line(
    tiny_model: Path, started: list[Started], capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert "cannot listen on" in refused(capsys, tiny_model, *arguments)
    assert started == []


def test_print_config_shows_what_is_in_effect_and_starts_nothing(
    tmp_path: Path, started: list[Started], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EYESPOT_API_KEYS", "0123456789abcdef")
    monkeypatch.setenv("EYESPOT_WORKERS", "3")
    assert main(["serve", "m.onnx", "--port", "77", "--print-config"]) == 0
    text = capsys.readouterr().out
    found = tomllib.loads(text)
    assert (found["models"], found["port"], found["workers"]) == (["m.onnx"], 77, 3)
    assert "0123456789abcdef" not in text
    assert started == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "name at least one MODEL"),
        (["{model}", "--provider", "cuda"], "'cuda' does not load here"),
        (["{model}", "--provider", "gpu"], "provider must be one of"),
        (["{model}", "{model}x"], "no such model file"),
        (["{empty}"], "holds no .onnx file"),
        (["{copies}"], "hold the same model, tiny"),
        (["{model}", "--api-keys-file", "{empty}/keys"], "the API keys cannot be read"),
        (["{model}", "--ssl-certfile", "c.pem"], "go together"),
        (["{model}", "--config", "{empty}/none.toml"], "settings cannot be read"),
        (["{model}", "--max-waiting", "0"], "max_waiting must be at least 1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
@pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="this onnxruntime has CUDA"
)
def test_what_is_wrong_before_a_start_is_one_line(
    tiny_model: Path,
    tmp_path: Path,
    started: list[Started],
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    said: str,
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "copies").mkdir()
    for name in ("1.onnx", "2.onnx"):
        (tmp_path / "copies" / name).write_bytes(tiny_model.read_bytes())
    places = {"model": tiny_model, "empty": tmp_path / "empty", "copies": tmp_path / "copies"}
    assert said in refused(capsys, *(option.format(**places) for option in options))
    assert started == []


@pytest.mark.parametrize("option", ["--max-pixels", "--max-body-bytes", "--port"])
@pytest.mark.parametrize("value", ["many", "1.5", "", "-1"])
def test_an_option_that_is_no_number_is_refused(tiny_model: Path, option: str, value: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["serve", str(tiny_model), option, value])
    assert caught.value.code == 2


@pytest.mark.slow
def test_the_real_command_refuses_as_well(tmp_path: Path, tiny_model: Path, busy_port: int, eyespot: Run) -> None:
    calls = [("serve", tmp_path / "nowhere.onnx"), ("serve", tiny_model, "--port", busy_port)]
    for call in calls:
        done = eyespot(*call, timeout=30)
        assert (done.returncode, done.stdout) == (2, "")
        assert len(done.stderr.splitlines()) == 1
