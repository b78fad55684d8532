"""What the inventory says, against machines made up for it and against this one."""

import platform
import re
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest

from edge.commands import doctor as inventory
from edge.commands.doctor import list_extras, probe_providers, take_inventory
from edge.errors import InstallationError


def test_the_probe_is_a_valid_model_of_one_relu() -> None:
    model = onnx.load_from_string(inventory.PROBE_MODEL)
    onnx.checker.check_model(model, full_check=True)
    assert [node.op_type for node in model.graph.node] == ["Relu"]


class FakeRuntime(SimpleNamespace):
    """An onnxruntime whose providers load, fall back to the CPU or fail, as told."""

    SessionOptions = onnxruntime.SessionOptions

    def get_available_providers(self) -> list[str]:
        return list(self.outcomes)

    def InferenceSession(self, _model: bytes, _options: object, providers: list[str]) -> SimpleNamespace:  # noqa: N802
        outcome = self.outcomes[providers[0]]
        if isinstance(outcome, Exception):
            raise outcome
        return SimpleNamespace(get_providers=lambda: [outcome, "CPUExecutionProvider"])


def test_a_provider_works_only_if_it_comes_up_itself() -> None:
    runtime: Any = FakeRuntime(
        outcomes={
            "CUDAExecutionProvider": "CPUExecutionProvider",
            "TensorrtExecutionProvider": RuntimeError("libnvinfer.so.10: cannot open\nand more"),
            "QNNExecutionProvider": RuntimeError(""),
            "AzureExecutionProvider": "AzureExecutionProvider",
            "CPUExecutionProvider": "CPUExecutionProvider",
        }
    )
    probes = {probe["name"]: probe for probe in probe_providers(runtime)}
    assert probes.pop("QNNExecutionProvider")["works"] is False
    assert list(probes.values()) == [
        {"name": "CUDAExecutionProvider", "works": False, "reason": "fell back to CPUExecutionProvider"},
        {"name": "TensorrtExecutionProvider", "works": False, "reason": "libnvinfer.so.10: cannot open"},
        {"name": "CPUExecutionProvider", "works": True, "reason": ""},
    ]


def test_the_cpu_provider_of_this_machine_works() -> None:
    assert {"name": "CPUExecutionProvider", "works": True, "reason": ""} in list(probe_providers(onnxruntime))


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the machine have just these distributions; all others are missing."""

    def install(**versions: str) -> None:
        found = {name.replace("_", "-"): version for name, version in versions.items()}
        monkeypatch.setattr(inventory, "find_version", found.get)

    return install


REQUIREMENTS = [
    "numpy>=2.0",
    'onnxruntime>=1.20; extra == "cpu"',
    'onnxruntime-gpu[cuda,cudnn]>=1.20; extra == "gpu"',
    'keras>=3.10; extra == "export"',
    'tf2onnx>=1.17; extra == "export"',
    'eyespot[export]; extra == "training"',
    'tqdm>=4.66; extra == "training"',
    'ruff; extra == "dev"',
]


def test_an_extra_lacks_what_is_not_installed(installed: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "requires", lambda _: REQUIREMENTS)
    installed(eyespot="0.1", numpy="2.4", onnxruntime="1.32", keras="3.15", tqdm="4.67")
    extras = {e["name"]: [p for p, v in e["packages"].items() if not v] for e in list_extras()}
    # An extra that is made of another lacks what the other lacks.
    assert extras == {"cpu": [], "export": ["tf2onnx"], "gpu": ["onnxruntime-gpu"], "training": ["tf2onnx"]}


def test_without_an_installed_eyespot_there_are_no_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> list[str]:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(inventory, "requires", missing)
    assert list(list_extras()) == []


def test_two_opencv_packages_are_a_problem(installed: Callable[..., None]) -> None:
    installed(opencv_python_headless="4.13", opencv_python="4.12")
    (problem,) = take_inventory()["problems"]
    assert problem.startswith("opencv-python-headless and opencv-python are both installed and overwrite each other; ")
    assert "pip install opencv-python-headless" in problem


def test_a_runtime_that_cannot_be_used_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise InstallationError("two of them")

    monkeypatch.setattr(inventory, "import_onnxruntime", refuse)
    taken = take_inventory()
    assert taken["problems"] == ["two of them"]
    assert taken["providers"] == []


def test_this_machine_is_described_as_its_packages_say() -> None:
    taken = take_inventory()
    assert taken["python"] == platform.python_version()
    assert taken["packages"]["numpy"] == np.__version__
    assert onnxruntime.__version__ in taken["packages"].values()
    (opencv,) = (version for name, version in taken["packages"].items() if name.startswith("opencv"))
    # The wheel counts its own builds in a fourth number.
    assert opencv is not None
    assert re.fullmatch(rf"{re.escape(cv2.__version__)}(\.\d+)?", opencv)
    assert taken["problems"] == []


def test_cores_are_those_that_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0})
    assert take_inventory()["cores"] == 1
