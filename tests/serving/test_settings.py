"""Settings: limits are checked by name, what goes into the environment comes out again, secrets are not shown."""

import tomllib
from typing import Any

import pytest

from edge.errors import UsageError
from serving.settings import Settings
from serving.settings_sources import settings_of_worker

ODD = Settings(
    ("a folder/\u732b, = 1.onnx", "b.onnx"),
    max_wait_ms=0.5,
    max_body_bytes=10**12,
    access_log=False,
    cors_origins=("https://a.example",),
    api_keys=("se,cret [1]", "another one"),
)


@pytest.mark.parametrize("settings", [Settings(("m.onnx",)), Settings(("m.onnx",), workers=2, max_pixels=1), ODD])
def test_environment_and_back(settings: Settings) -> None:
    assert settings_of_worker(settings.to_environment()) == settings


def test_variables_are_named_for_the_settings() -> None:
    environment = Settings(("m.onnx",), max_pixels=9).to_environment()
    assert environment["EYESPOT_MODELS"] == '["m.onnx"]'
    assert environment["EYESPOT_MAX_PIXELS"] == "9"
    assert all(name.startswith("EYESPOT_") and name.isupper() for name in environment)


def test_defaults_are_safe_and_as_documented() -> None:
    settings = Settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 3000)
    assert (settings.max_body_bytes, settings.max_pixels) == (32 * 1024 * 1024, 100 * 1000 * 1000)
    assert settings.max_wait_ms == 2
    assert settings.cors_origins == ()


def test_the_toml_it_prints_says_the_same_and_no_secret() -> None:
    text = ODD.to_toml()
    assert "cret" not in text
    assert "# api_keys: 2, not shown" in text
    found = {name: tuple(v) if isinstance(v, list) else v for name, v in tomllib.loads(text).items()}
    assert Settings(**found, api_keys=ODD.api_keys) == ODD


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"max_body_bytes": 0}, r"max_body_bytes must be at least 1\. Received: 0"),
        ({"max_pixels": -1}, r"max_pixels must be at least 1\. Received: -1"),
        ({"workers": 0}, "workers must be at least 1"),
        ({"threads": -1}, "threads must be at least 0"),
        ({"max_wait_ms": -0.1}, "max_wait_ms must be at least 0"),
        ({"max_wait_ms": float("nan")}, "max_wait_ms must be at least 0"),
        ({"request_timeout_s": 0.0}, "request_timeout_s must be at least"),
        ({"request_timeout_s": float("inf")}, "request_timeout_s must be at least"),
        ({"provider": "gpu"}, "provider must be one of auto, cpu, cuda, tensorrt. Received: 'gpu'"),
        ({"max_batch": 1000}, "max_batch must be at most 256"),
        ({"max_images": 100}, r"max_images \(100\) must not be more than max_waiting \(64\)"),
        ({"ssl_certfile": "c.pem"}, "go together"),
        ({"api_keys": ("short",)}, "at least 8 printable"),
        ({"api_keys": ("with\nline feed",)}, "at least 8 printable"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused_by_name(setting: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Settings(("m.onnx",), **setting)
