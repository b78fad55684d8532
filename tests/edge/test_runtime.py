"""One onnxruntime, found or missed in words that help; sessions that refuse in one line."""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import onnxruntime
import pytest

from edge.artifact import INPUT_NAME, OUTPUT_NAME
from edge.errors import InstallationError, ModelError
from edge.runtime import create_session, import_onnxruntime, installed_runtimes
from tests.conftest import tiny_probabilities

ALL_DISTRIBUTIONS = [
    *("onnxruntime", "onnxruntime-azure", "onnxruntime-cann", "onnxruntime-directml", "onnxruntime-gpu"),
    *("onnxruntime-migraphx", "onnxruntime-openvino", "onnxruntime-qnn", "onnxruntime-rocm"),
    *("onnxruntime-training", "onnxruntime-webgpu"),
]


def site_packages(tmp_path: Path, *distributions: str) -> ModuleType:
    """A module onnxruntime in a folder where `distributions` (name-version) have left their metadata."""
    package = tmp_path / "onnxruntime"
    package.mkdir()
    (package / "__init__.py").touch()
    for distribution in distributions:
        (tmp_path / f"{distribution}.dist-info").mkdir()
    module = ModuleType("onnxruntime")
    module.__file__ = str(package / "__init__.py")
    return module


def test_the_module_itself_is_returned() -> None:
    assert import_onnxruntime() is onnxruntime


def test_the_runtime_here_is_one() -> None:
    (name,) = installed_runtimes(onnxruntime)
    assert name in ALL_DISTRIBUTIONS


def test_a_missing_runtime_names_both_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InstallationError, match=r"install eyespot\[cpu\], or eyespot\[gpu\] for NVIDIA$") as caught:
        import_onnxruntime()
    assert str(caught.value).startswith("onnxruntime cannot be imported (")


def test_two_runtimes_on_top_of_each_other_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module = site_packages(tmp_path, "onnxruntime-1.32.0", "onnxruntime_gpu-1.31.1")
    monkeypatch.setitem(sys.modules, "onnxruntime", module)
    with pytest.raises(InstallationError) as caught:
        import_onnxruntime()
    assert str(caught.value) == (
        "onnxruntime and onnxruntime-gpu are both installed and overwrite each other; run 'pip uninstall -y "
        "onnxruntime onnxruntime-gpu', then install one of eyespot[cpu] and eyespot[gpu]"
    )


def test_what_an_uninstall_leaves_behind_is_no_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    # Where one of two was uninstalled the folder stays without its files: Python imports it, as a namespace.
    module = ModuleType("onnxruntime")
    module.__file__ = None
    monkeypatch.setitem(sys.modules, "onnxruntime", module)
    with pytest.raises(InstallationError, match=r"eyespot\[cpu\]"):
        create_session(b"", "test")


def test_every_distribution_of_the_runtime_is_known(tmp_path: Path) -> None:
    module = site_packages(tmp_path, *(f"{name.replace('-', '_')}-1.20.1" for name in ALL_DISTRIBUTIONS))
    assert installed_runtimes(module) == ALL_DISTRIBUTIONS


def test_what_only_sounds_like_the_runtime_does_not_count(tmp_path: Path) -> None:
    others = ("onnxruntime_extensions-0.14.0", "onnxruntime_genai-0.9.0", "onnxruntime_tools-1.7.0", "onnx-1.23.2")
    module = site_packages(tmp_path, "onnxruntime-1.32.0", *others)
    (tmp_path / "onnxruntime_gpu-1.31.1.txt").touch()
    assert installed_runtimes(module) == ["onnxruntime"]


@pytest.mark.parametrize("as_bytes", [False, True], ids=["file", "bytes"])
def test_a_session_runs_the_model_on_the_cpu(tiny_model: Path, as_bytes: bool) -> None:
    session = create_session(tiny_model.read_bytes() if as_bytes else tiny_model, "tiny")
    assert session.get_providers() == ["CPUExecutionProvider"]
    found = session.run([OUTPUT_NAME], {INPUT_NAME: np.full((1, 5, 7, 3), 200, np.uint8)})[0][0]
    # A softmax of float32 logits up to 8 against one of float64: about 8 * 2^-24.
    assert np.abs(found - tiny_probabilities(200)).max() < 1e-6


@pytest.mark.parametrize("content", [b"", b"no model", bytes(100)], ids=["empty", "text", "zeros"])
def test_what_the_runtime_refuses_is_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    for model in (content, path):
        with pytest.raises(ModelError) as caught:
            create_session(model, "m.onnx")
        message = str(caught.value)
        assert message.startswith(f"m.onnx: onnxruntime {onnxruntime.__version__} cannot load this model (")
        assert "\n" not in message
