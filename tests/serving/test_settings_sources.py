"""Where settings come from: their order, and that nothing misspelt or mistyped passes."""

import argparse
from pathlib import Path

import pytest

from edge.errors import UsageError
from serving.settings import Settings
from serving.settings_sources import add_setting_arguments, gather_settings, settings_of_worker


def arguments(*given: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="*")
    add_setting_arguments(parser)
    return parser.parse_args(given)


def written(folder: Path, text: str) -> str:
    path = folder / "eyespot.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_flags_come_before_the_environment_that_before_the_file_and_that_before_defaults(tmp_path: Path) -> None:
    file = written(tmp_path, 'models = ["f.onnx"]\nport = 1\nworkers = 2\nmax_batch = 3\nmax_wait_ms = 4\n')
    environment = {"EYESPOT_WORKERS": "20", "EYESPOT_MAX_BATCH": "30", "EYESPOT_CONFIG": file, "PATH": "/bin"}
    found = gather_settings(arguments("--max-batch", "31"), environment)
    assert found == Settings(("f.onnx",), port=1, workers=20, max_batch=31, max_wait_ms=4.0)


def test_what_goes_together_may_come_from_different_places(tmp_path: Path) -> None:
    file = written(tmp_path, 'ssl_certfile = "c.pem"\nmax_images = 100\n')
    found = gather_settings(arguments("--config", file, "--ssl-keyfile", "k.pem"), {"EYESPOT_MAX_WAITING": "200"})
    assert found == Settings(ssl_certfile="c.pem", ssl_keyfile="k.pem", max_images=100, max_waiting=200)


def test_the_file_of_the_flag_comes_before_that_of_the_environment(tmp_path: Path) -> None:
    file = written(tmp_path, "port = 1\n")
    assert gather_settings(arguments("--config", file), {"EYESPOT_CONFIG": "/nowhere"}).port == 1


def test_every_kind_of_flag_is_read() -> None:
    given = ["a.onnx", "b.onnx", "--no-access-log", "--cors-origins", "https://a", "--cors-origins", "https://b"]
    found = gather_settings(arguments(*given, "--provider", "cpu", "--max-wait-ms", "0.5"), {})
    assert found == Settings(
        ("a.onnx", "b.onnx"), access_log=False, cors_origins=("https://a", "https://b"), provider="cpu", max_wait_ms=0.5
    )


def test_no_flag_takes_a_secret_that_a_list_of_processes_would_show() -> None:
    with pytest.raises(SystemExit):
        arguments("--api-keys", "0123456789")
    assert gather_settings(arguments(), {"EYESPOT_API_KEYS": "0123456789, abcdefghij"}).api_keys == (
        "0123456789",
        "abcdefghij",
    )


@pytest.mark.parametrize(
    ("name", "near"), [("EYESPOT_MODEL", "EYESPOT_MODELS"), ("EYESPOT_MAX_PIXLES", "EYESPOT_MAX_PIXELS")]
)
def test_an_unknown_variable_is_refused_with_the_nearest(name: str, near: str) -> None:
    with pytest.raises(UsageError, match=f"unknown setting '{name}'; did you mean '{near}'"):
        settings_of_worker({"EYESPOT_MODELS": "m.onnx", name: "1"})


def test_variables_of_other_rooms_are_no_matter() -> None:
    assert settings_of_worker({"EYESPOT_MODELS": "m.onnx", "EYESPOT_CACHE": "/tmp"}) == Settings(("m.onnx",))


def test_the_process_environment_counts_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EYESPOT_MODELS", "from outside.onnx")
    monkeypatch.setenv("EYESPOT_MAX_PIXELS", "5")
    assert settings_of_worker() == Settings(("from outside.onnx",), max_pixels=5)


def test_a_worker_without_models_says_how() -> None:
    with pytest.raises(UsageError, match="EYESPOT_MODELS must name"):
        settings_of_worker({"EYESPOT_MAX_PIXELS": "5"})


@pytest.mark.parametrize("name", ["MAX_BODY_BYTES", "MAX_PIXELS", "PORT"])
@pytest.mark.parametrize("text", ["", "many", "1.5", "1e6", "-1", "+1", " ", "0x10", "\u00b2", "9" * 5000])
def test_what_is_no_whole_number_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(UsageError, match=f"EYESPOT_{name} must be a whole number"):
        settings_of_worker({"EYESPOT_MODELS": "m.onnx", f"EYESPOT_{name}": text})


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("MAX_WAIT_MS", "soon", "must be a number"),
        ("ACCESS_LOG", "perhaps", "must be true or false"),
        ("MODELS", '["a", 1]', "must be a list of texts"),
        ("MODELS", '["a"', "must be a list of texts"),
        ("API_KEYS", '["tell no one"', "Received: a secret"),
    ],
)
def test_what_is_of_another_kind_is_refused_by_name(name: str, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=f"EYESPOT_{name}.*{said}"):
        settings_of_worker({f"EYESPOT_{name}": text})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 1", r"eyespot\.toml: unknown setting 'prot'; did you mean 'port'"),
        ("port = '1'", r"eyespot\.toml: port must be a whole number. Received: '1'"),
        ("port = 1.0", "port must be a whole number"),
        ("port = true", "port must be a whole number"),
        ("models = 'm.onnx'", "models must be a list of texts"),
        ("models = [1]", "models must be a list of texts"),
        ("access_log = 1", "access_log must be true or false"),
        ("port = ", "this is not TOML"),
        ("port = 1\nport = 2", "this is not TOML"),
        ("max_pixels = 0", "max_pixels must be at least 1"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        gather_settings(arguments("--config", written(tmp_path, text)), {})


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        gather_settings(arguments("--config", str(tmp_path / "none.toml")), {})
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="not TOML"):
        gather_settings(arguments("--config", str(tmp_path / "bytes.toml")), {})
