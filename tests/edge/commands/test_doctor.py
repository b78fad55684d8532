"""`eyespot doctor` on this machine, and on machines that lack a runtime or have two."""

import json
import os
import platform
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest

from edge.cli import DONE, NOTHING_DONE
from edge.runtime import usable_cores
from tests.conftest import Run
from tests.edge.pictures import noise, png

USER = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}

# Python runs a module of this name at its start; here it makes one package unfindable.
NO_RUNTIME = "import sys; sys.modules['onnxruntime'] = None\n"


@pytest.fixture
def without_runtime(tmp_path: Path) -> dict[str, str]:
    """An environment in which onnxruntime is not installed."""
    folder = tmp_path / "without"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(NO_RUNTIME)
    return USER | {"PYTHONPATH": str(folder)}


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
    return USER | {"PYTHONPATH": str(folder)}


def test_this_machine_can_run_models(eyespot: Run) -> None:
    done = eyespot("doctor", env=USER)
    assert (done.returncode, done.stderr) == (DONE, "")
    lines = done.stdout.splitlines()
    column = lines[0].index(lines[0].split()[1])
    found = {line[:column].strip(): line[column:] for line in lines}
    assert all(line[column - 3 : column] == "   " and line[column] != " " for line in lines)
    assert found["python"].startswith(f"{platform.python_version()} on ")
    assert found["processor"].endswith(f", {usable_cores()} cores")
    assert found["numpy"] == np.__version__
    assert found["CPUExecutionProvider"] == "works"
    assert found["problem"] == "none"
    assert {"eyespot[cpu]", "eyespot[gpu]", "eyespot[export]", "eyespot[serving]"} <= found.keys()


def test_json_says_the_same_to_machines(eyespot: Run) -> None:
    done = eyespot("doctor", "--json", env=USER)
    assert (done.returncode, done.stderr) == (DONE, "")
    found = json.loads(done.stdout)
    assert found["python"] == platform.python_version()
    assert found["cores"] == usable_cores()
    assert found["packages"]["numpy"] == np.__version__
    assert onnxruntime.__version__ in found["packages"].values()
    assert any(version.startswith(cv2.__version__) for name, version in found["packages"].items() if "opencv" in name)
    assert {"name": "CPUExecutionProvider", "works": True, "reason": ""} in found["providers"]
    assert {extra["name"] for extra in found["extras"]} >= {"cpu", "gpu", "export", "training", "serving"}
    assert found["problems"] == []


def test_a_missing_runtime_is_said_with_the_extra_that_brings_it(eyespot: Run, without_runtime: dict[str, str]) -> None:
    done = eyespot("doctor", env=without_runtime)
    assert (done.returncode, done.stderr) == (NOTHING_DONE, "")
    (problem,) = (line for line in done.stdout.splitlines() if line.startswith("problem"))
    assert problem.endswith("; install eyespot[cpu], or eyespot[gpu] for NVIDIA")


def test_two_runtimes_are_said_with_the_way_out(eyespot: Run, with_two_runtimes: dict[str, str]) -> None:
    done = eyespot("doctor", "--json", env=with_two_runtimes)
    assert done.returncode == NOTHING_DONE
    (problem,) = json.loads(done.stdout)["problems"]
    assert problem.startswith("onnxruntime and onnxruntime-gpu are both installed and overwrite each other; run 'pip")


@pytest.mark.slow
def test_every_command_that_needs_a_runtime_says_the_same(
    eyespot: Run, tiny_model: Path, tmp_path: Path, without_runtime: dict[str, str], with_two_runtimes: dict[str, str]
) -> None:
    picture = tmp_path / "picture.png"
    picture.write_bytes(png(noise(9, 11, 3)))
    for environment, words in ((without_runtime, "install eyespot[cpu]"), (with_two_runtimes, "both installed")):
        for arguments in (["classify", tiny_model, picture], ["verify", tiny_model]):
            done = eyespot(*arguments, env=environment)
            assert (done.returncode, done.stdout) == (NOTHING_DONE, "")
            assert len(done.stderr.splitlines()) == 1
            assert words in done.stderr
