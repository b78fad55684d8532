"""`eyespot verify` says whether this device answers as the file says it must."""

import json
from pathlib import Path

import numpy as np
import pytest

from edge.arguments import DONE, NOTHING_DONE
from eyespot.cli import main
from tests.conftest import Run, broken_self_test, tiny_probabilities
from tests.edge.artifacts import entry_of, restamped, without_entry, written

# A softmax of float32 logits up to 8 against one of float64: about 8 * 2^-24.
TOLERANCE = 1e-6


def test_a_device_that_agrees_passes(tiny_model: Path, tiny_content: bytes, eyespot: Run) -> None:
    done = eyespot("verify", tiny_model)
    version = json.loads(entry_of(tiny_content))["version"]
    assert (done.returncode, done.stderr) == (DONE, "")
    assert done.stdout.startswith(f"tiny {version}: passed, largest difference ")
    assert " on 3 samples (worst: grey " in done.stdout
    assert done.stdout.endswith(", limit 1e-04)\n")


def test_a_device_that_disagrees_fails_with_2(tiny_model: Path, tiny_content: bytes, eyespot: Run) -> None:
    written(tiny_model, restamped(tiny_content, self_test=broken_self_test()))
    difference = np.abs(tiny_probabilities(0) - [0, 0, 1]).max()
    done = eyespot("verify", tiny_model)
    assert (done.returncode, done.stderr) == (NOTHING_DONE, "")
    assert f": FAILED, largest difference {difference:.1e} on 1 samples (worst: dark, limit 1e-04)" in done.stdout
    found = json.loads(eyespot("verify", tiny_model, "--json").stdout)
    assert abs(found["largest_difference"] - difference) < TOLERANCE
    assert (found["passed"], found["worst_sample"]) == (False, "dark")


def test_a_model_that_cannot_be_verified_is_one_line(
    tiny_model: Path, tiny_content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    contents = {
        "tiny: the file holds no self-test samples": restamped(tiny_content, self_test=None),
        "this ONNX model has no eyespot spec": without_entry(tiny_content).SerializeToString(),
        "cut short": tiny_content[:1000],
    }
    for message, content in contents.items():
        assert main(["verify", str(written(tiny_model, content))]) == NOTHING_DONE
        out, err = capsys.readouterr()
        assert out == ""
        assert len(err.splitlines()) == 1
        assert err.startswith("eyespot: ")
        assert message in err
