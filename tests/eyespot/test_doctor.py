"""`eyespot doctor` on this machine, and on machines that lack a runtime or have two."""

import os
import platform
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest

from edge.arguments import DONE, NOTHING_DONE
from edge.errors import InstallationError
from edge.runtime import usable_cores
from eyespot import doctor
from eyespot.cli import main
from tests.conftest import Run

USER = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


@pytest.fixture
def without_runtime(tmp_path: Path) -> dict[str, str]:
    """An environment in which onnxruntime is not installed: Python runs a module of this name at its start."""
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['onnxruntime'] = None\n")
    return USER | {"PYTHONPATH": str(tmp_path)}


@pytest.fixture
def with_two_runtimes(tmp_path: Path) -> dict[str, str]:
    """An environment in which two packages share the folder of onnxruntime."""
    folder = tmp_path / "both"
    (folder / "onnxruntime").mkdir(parents=True)
    (folder / "onnxruntime" / "__init__.py").write_text("__version__ = '1.31.1'\n")
    for name in ("onnxruntime", "onnxruntime_gpu"):
        metadata = folder / f"{name}-1.31.1.dist-info" / "METADATA"
        metadata.parent.mkdir()
        metadata.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.31.1\n")
        metadata.with_name("top_level.txt").write_text("onnxruntime\n")
    return USER | {"PYTHONPATH": str(folder)}


def rows(printed: str) -> dict[str, str]:
    column = printed.index(printed.split()[1])
    return {line[:column].strip(): line[column:] for line in printed.splitlines()}


def test_this_machine_can_run_models(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == DONE
    found = rows(capsys.readouterr().out)
    assert found["python"].startswith(f"{platform.python_version()} on ")
    assert found["processor"].endswith(f", {usable_cores()} cores")
    assert found["numpy"] == np.__version__
    assert onnxruntime.__version__ in found.values()
    assert found["CPUExecutionProvider"] == "works"
    assert found["problem"] == "none"


def test_a_missing_runtime_and_two_of_them_are_problems(
    eyespot: Run, without_runtime: dict[str, str], with_two_runtimes: dict[str, str]
) -> None:
    for environment, words in ((without_runtime, "install eyespot[cpu]"), (with_two_runtimes, "both installed")):
        done = eyespot("doctor", env=environment)
        assert (done.returncode, done.stderr) == (NOTHING_DONE, "")
        assert words in rows(done.stdout)["problem"]


class FakeRuntime(SimpleNamespace):
    """An onnxruntime whose providers load, fall back to the CPU or fail."""

    SessionOptions = onnxruntime.SessionOptions

    def get_available_providers(self) -> list[str]:
        return list(self.outcomes)

    def InferenceSession(self, _model: bytes, _options: object, providers: list[str]) -> SimpleNamespace:  # noqa: N802
        outcome = self.outcomes[providers[0]]
        if isinstance(outcome, Exception):
            raise outcome
        return SimpleNamespace(get_providers=lambda: [outcome, "CPUExecutionProvider"])


def test_a_provider_works_only_if_it_comes_up_itself() -> None:
    outcomes = {
        "CUDAExecutionProvider": "CPUExecutionProvider",
        "TensorrtExecutionProvider": RuntimeError("libnvinfer.so.10: cannot open\nand more"),
        "QNNExecutionProvider": RuntimeError(""),
        "AzureExecutionProvider": "AzureExecutionProvider",
        "CPUExecutionProvider": "CPUExecutionProvider",
    }
    runtime: Any = FakeRuntime(outcomes=outcomes)
    probes = dict(doctor.probe_providers(runtime))
    assert [name for name, result in probes.items() if result == "works"] == ["CPUExecutionProvider"]
    assert "AzureExecutionProvider" not in probes
    assert probes["TensorrtExecutionProvider"].endswith("libnvinfer.so.10: cannot open")


def test_an_extra_would_add_what_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    declared = [
        *("numpy>=2.0", 'onnxruntime>=1.20; extra == "cpu"', 'onnxruntime-gpu[cuda,cudnn]>=1.20; extra == "gpu"'),
        *('keras>=3.10; extra == "export"', 'tf2onnx>=1.17; extra == "export"', 'ruff; extra == "dev"'),
        *('eyespot[export]; extra == "training"', 'tqdm>=4.66; extra == "training"'),
    ]
    installed = {"onnxruntime": "1.32", "keras": "3.15", "tqdm": "4.67"}
    monkeypatch.setattr(doctor, "requires", lambda _: declared)
    monkeypatch.setattr(doctor, "find_version", installed.get)
    # An extra that is made of another lacks what the other lacks.
    assert dict(doctor.missing_packages()) == {
        "eyespot[cpu]": "complete",
        "eyespot[export]": "would add tf2onnx",
        "eyespot[gpu]": "would add onnxruntime-gpu",
        "eyespot[training]": "would add tf2onnx",
    }
    both = ["opencv-python", "opencv-python-headless"]
    monkeypatch.setattr(doctor, "packages_distributions", lambda: {"cv2": both})
    assert main(["doctor"]) == NOTHING_DONE
    assert "opencv-python and opencv-python-headless are both installed" in capsys.readouterr().out


def test_a_runtime_that_cannot_be_used_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> None:
        raise InstallationError("two of them")

    monkeypatch.setattr(doctor, "import_onnxruntime", refuse)
    assert main(["doctor"]) == NOTHING_DONE
    assert rows(capsys.readouterr().out)["problem"] == "two of them"
