"""Settings: their order, and that nothing misspelt, mistyped or secret passes."""

import argparse
import tomllib
from pathlib import Path

import pytest

from edge.errors import UsageError
from serving.settings import Settings, add_setting_arguments, read_settings


def given(*arguments: str) -> Settings:
    """The settings that flags give, beside the environment."""
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="*")
    add_setting_arguments(parser)
    found = parser.parse_args(arguments)
    return read_settings(vars(found) | {"models": tuple(found.models) or None}, found.config)


@pytest.fixture(autouse=True)
def _no_config(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EYESPOT_CONFIG", "x")  # so that it is put back
    monkeypatch.delenv("EYESPOT_CONFIG")


def written(folder: Path, text: str) -> str:
    path = folder / "eyespot.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_flags_come_before_the_environment_that_before_the_file_and_that_before_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, 'models = ["f.onnx"]\nport = 1\nworkers = 2\nmax_batch = 3\nmax_wait_ms = 4\n')
    for name, value in {"WORKERS": "20", "MAX_BATCH": "30", "CONFIG": file}.items():
        monkeypatch.setenv(f"EYESPOT_{name}", value)
    found = given("--max-batch", "31")
    assert (found.models, found.port, found.workers) == (("f.onnx",), 1, 20)
    assert (found.max_batch, found.max_wait_ms, found.max_images) == (31, 4.0, 32)
    other = tmp_path / "other"
    other.mkdir()
    assert given("--config", written(other, "port = 9")).port == 9


def test_every_kind_of_flag_is_read() -> None:
    lists = ["--cors-origins", "https://a", "--cors-origins", "https://b"]
    found = given("a.onnx", "b.onnx", "--no-access-log", *lists, "--provider", "cpu", "--max-wait-ms", "0.5")
    assert (found.models, found.cors_origins) == (("a.onnx", "b.onnx"), ("https://a", "https://b"))
    assert (found.access_log, found.provider, found.max_wait_ms) == (False, "cpu", 0.5)


def test_secrets_have_no_flag_and_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit):
        given("--api-keys", "0123456789")
    monkeypatch.setenv("EYESPOT_API_KEYS", "0123456789, abcdefghij")
    monkeypatch.setenv("EYESPOT_SSL_KEYFILE_PASSWORD", "pass-phrase")
    found = given("a folder/\u732b, = 1.onnx", "--workers", "3")
    assert [key.get_secret_value() for key in found.api_keys] == ["0123456789", "abcdefghij"]
    text = found.to_toml()
    assert not any(secret in text + repr(found) for secret in ("0123456789", "abcdefghij", "pass-phrase"))
    shown = tomllib.loads(text)
    assert (shown["models"], shown["workers"]) == (["a folder/\u732b, = 1.onnx"], 3)
    assert shown.keys() == Settings.model_fields.keys() - {"api_keys", "ssl_keyfile_password"}
    assert Settings(**shown).workers == 3


def test_defaults_are_safe_and_as_documented() -> None:
    settings = Settings()
    assert (settings.host, settings.port, settings.cors_origins) == ("127.0.0.1", 3000, ())
    assert (settings.max_body_bytes, settings.max_pixels) == (32 * 1024 * 1024, 100 * 1000 * 1000)
    assert settings.idle_timeout_s > 60
    assert not settings.use_fp16


def test_variables_of_other_rooms_are_no_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EYESPOT_CACHE", "/tmp")
    assert given() == Settings()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("EYESPOT_MODEL", "m.onnx", "unknown setting 'EYESPOT_MODEL'; did you mean 'EYESPOT_MODELS'"),
        ("EYESPOT_PORT", "tcp://10.0.0.1:80", r"^port: .* Received: 'tcp:"),
        ("EYESPOT_MAX_PIXELS", "", "^max_pixels: "),
        ("EYESPOT_MAX_PIXELS", "1e6", "^max_pixels: "),
        ("EYESPOT_MAX_PIXELS", "0", "^max_pixels: .*greater than or equal to 1"),
        ("EYESPOT_MAX_WAIT_MS", "nan", "^max_wait_ms: "),
        ("EYESPOT_ACCESS_LOG", "perhaps", "^access_log: "),
        ("EYESPOT_PROVIDER", "gpu", "^provider: .*'cuda'"),
        ("EYESPOT_MODELS", '["a"', "cannot be read|models"),
        ("EYESPOT_API_KEYS", "short", "at least 8 printable"),
        ("EYESPOT_API_KEYS", '["tell no one"', "^(?!.*tell)"),
        ("EYESPOT_MAX_IMAGES", "100", r"max_images \(100\) must not be more than max_waiting \(64\)"),
        ("EYESPOT_SSL_CERTFILE", "c.pem", "go together"),
    ],
)
def test_a_wrong_variable_is_refused_by_name(name: str, text: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(UsageError, match=said):
        given()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 1", r"eyespot\.toml: unknown setting 'prot'; did you mean 'port'"),
        ("port = [1]", "^port: "),
        ("models = [1]", "^models: "),
        ("port = ", "this is not TOML"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        given("--config", written(tmp_path, text))


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        given("--config", str(tmp_path / "none.toml"))
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="not TOML"):
        given("--config", str(tmp_path / "bytes.toml"))
