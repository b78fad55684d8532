"""`eyespot info` shows what is in the file, as a table and as JSON."""

import json
from pathlib import Path

import pytest

from edge.arguments import DONE
from edge.spec import ClassCounts, Parity, TrainingRecord, Variant
from eyespot.cli import main
from tests.conftest import Run
from tests.edge.artifacts import entry_of, restamped, written


def rows(text: str) -> dict[str, str]:
    """The table as names and values; every value starts in one and the same column."""
    lines = text.splitlines()
    column = len(lines[0]) - len(lines[0].split("   ", 1)[1].lstrip())
    assert all(line[column - 3 : column] == "   " and line[column] != " " for line in lines)
    return {line[:column].strip(): line[column:] for line in lines}


def test_the_table_says_what_stands_in_the_file(tiny_model: Path, tiny_content: bytes, eyespot: Run) -> None:
    done = eyespot("info", tiny_model)
    assert (done.returncode, done.stderr) == (DONE, "")
    assert rows(done.stdout) == {
        "model": "tiny",
        "version": json.loads(entry_of(tiny_content))["version"],
        "labels": "3: dark, middle, bright",
        "preprocessing": "resize to 4x4 (antialias), grey, scale by 0.00392157",
        "self-test": "3 samples, limit 1e-04 (eyespot verify)",
        "file": f"{len(tiny_content):,} bytes, unaltered since export",
    }


def test_json_is_the_whole_spec(tiny_model: Path, tiny_content: bytes, eyespot: Run) -> None:
    done = eyespot("info", tiny_model, "--json")
    assert (done.returncode, done.stderr) == (DONE, "")
    assert json.loads(done.stdout) == json.loads(entry_of(tiny_content))


def test_training_and_parity_are_told(
    tiny_model: Path, tiny_content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = ClassCounts((150, 150, 150), (150, 150, 150), (150, 150, 150), ())
    training = TrainingRecord("lenet", "digits", "ab12", 1347, 450, 0.98765, 40, 7, 1.0, counts)
    parity = Parity("keras", "held-out", 450, 1350, 1.5e-7, 1.0, 1e-5, "cd34", {"keras": "3.15.0", "onnx": "1.23.2"})
    written(tiny_model, restamped(tiny_content, training=training, parity=parity))
    assert main(["info", str(tiny_model)]) == DONE
    found = rows(capsys.readouterr().out)
    assert found["trained"] == "lenet on digits, 1,347 images, 40 epochs, seed 7"
    assert found["accuracy"] == "98.77% of 450 held-out images"
    assert found["parity"] == (
        "largest difference to Keras 1.5e-07 (limit 1e-05), top-1 equal on 100.00% of 1,350 "
        "comparisons on held-out images"
    )
    assert found["made with"] == "keras 3.15.0, onnx 1.23.2"


def test_a_variant_and_its_cost_are_told(
    tiny_model: Path, tiny_content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    variant = Variant("int8", "U8S8", "entropy", ("a", "b"), 450, 0.985, 0.99, 0.9925, 0.1, 0.5)
    written(tiny_model, restamped(tiny_content, variant=variant))
    assert main(["info", str(tiny_model)]) == DONE
    found = rows(capsys.readouterr().out)
    assert found["variant"].startswith("int8 (U8S8, entropy calibration, 2 layers in float32); parity is that of")
    cost = "98.50% of 450 pictures, float32 99.00% (limit 0.5 points less), same best label on 99.25%"
    assert found["cost"] == cost
