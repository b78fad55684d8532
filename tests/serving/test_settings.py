"""Settings: what goes into the environment comes out again, and nothing wrong passes."""

import re

import pytest

from edge.errors import UsageError
from serving.settings import Settings


@pytest.mark.parametrize(
    "settings",
    [
        Settings("/models/lenet.onnx"),
        Settings("m.onnx", 1, 1),
        Settings("a folder/\u732b = 1.onnx", 10**12, 10**9),
    ],
    ids=["defaults", "smallest", "odd name"],
)
def test_environment_and_back(settings: Settings) -> None:
    assert Settings.from_environment(settings.to_environment()) == settings


def test_variables_are_named_for_the_settings() -> None:
    assert Settings("m.onnx", 7, 9).to_environment() == {
        "EYESPOT_MODEL": "m.onnx",
        "EYESPOT_MAX_BODY_BYTES": "7",
        "EYESPOT_MAX_PIXELS": "9",
    }


def test_defaults_are_32_mib_and_50_megapixels() -> None:
    settings = Settings.from_environment({"EYESPOT_MODEL": "m.onnx", "PATH": "/bin", "MAX_PIXELS": "3"})
    assert settings == Settings("m.onnx", 32 * 1024 * 1024, 50 * 1000 * 1000)


def test_the_process_environment_is_what_counts_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EYESPOT_MODEL", "from outside.onnx")
    monkeypatch.setenv("EYESPOT_MAX_PIXELS", "5")
    assert Settings.from_environment() == Settings("from outside.onnx", max_pixels=5)


def test_a_model_must_be_named() -> None:
    with pytest.raises(UsageError, match="EYESPOT_MODEL must name"):
        Settings.from_environment({"EYESPOT_MAX_PIXELS": "5"})


@pytest.mark.parametrize("name", ["MAX_BODY_BYTES", "MAX_PIXELS"])
@pytest.mark.parametrize("text", ["", "many", "1.5", "1e6", "-1", "+1", " ", "0x10", "\u00b2", "9" * 5000])
def test_what_is_no_whole_number_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(UsageError, match=f"EYESPOT_{name}"):
        Settings.from_environment({"EYESPOT_MODEL": "m.onnx", f"EYESPOT_{name}": text})


@pytest.mark.parametrize("name", ["max_body_bytes", "max_pixels"])
@pytest.mark.parametrize("value", [0, -1])
def test_a_limit_below_one_is_refused_by_name(name: str, value: int) -> None:
    with pytest.raises(UsageError, match=rf"{name} must be at least 1\. Received: {re.escape(str(value))}"):
        Settings("m.onnx", **{name: value})
