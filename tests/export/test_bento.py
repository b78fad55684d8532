"""`export --bento`: the artifact in BentoML's store, read back with BentoML itself, each in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from edge.classifier import Classifier
from edge.cli import main
from edge.model import read_spec
from edge.steps import Resize, Scale
from tests.conftest import Run
from tests.export.card.artifacts import make_labels, photograph, write_model

STEPS = (Resize(8, 8, "antialias"), Scale(1 / 255))

# What a service does: ask the store by tag, load, classify.
READ_BACK = """
import json, sys
import bentoml, cv2
from edge import Classifier
stored = bentoml.models.get(sys.argv[1])
classifier = Classifier.load(stored.path_of("model.onnx"))
best = classifier.classify(sys.argv[2]).predictions[0]
print(json.dumps([str(stored.tag), stored.info.labels, stored.info.metadata, best.label, best.probability]))
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A store of the test's own."""
    return os.environ | {"BENTOML_HOME": str(tmp_path / "bentoml"), "BENTOML_DO_NOT_TRACK": "True"}


@pytest.mark.slow
def test_what_is_stored_is_read_back_and_classifies(tmp_path: Path, environment: dict[str, str], eyespot: Run) -> None:
    model = write_model(tmp_path / "m.onnx", make_labels(5), STEPS, name="My Flowers")
    tag = f"my-flowers:{read_spec(model).version}"
    first, again = (eyespot("export", model, "--bento", env=environment) for _ in range(2))
    (stored,) = (tmp_path / "bentoml").rglob("model.onnx")
    assert (first.returncode, first.stdout, first.stderr) == (0, f"bento: {tag} ({stored})\n", "")
    assert (again.returncode, again.stdout, again.stderr) == (0, f"bento: {tag} is there already ({stored})\n", "")
    assert stored.read_bytes() == model.read_bytes()
    Image.fromarray(photograph(20, 30, 4)).save(tmp_path / "p.png")
    done = subprocess.run(
        [sys.executable, "-c", READ_BACK, "my-flowers:latest", str(tmp_path / "p.png")],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found_tag, labels, metadata, label, probability = json.loads(done.stdout)
    assert (found_tag, labels) == (tag, {"made-by": "eyespot"})
    assert metadata["labels"] == list(make_labels(5))
    answer = Classifier.load(model).classify(tmp_path / "p.png").predictions[0]
    assert (label, probability) == (answer.label, answer.probability)
    stored.write_bytes(b"words")
    damaged = eyespot("export", model, "--bento", env=environment)
    assert (damaged.returncode, damaged.stdout) == (2, "")
    assert f"bentoml models delete -y {tag}" in damaged.stderr


def test_without_bentoml_one_line_names_the_extra_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "bentoml", None)
    monkeypatch.delenv("BENTOML_DO_NOT_TRACK", raising=False)
    assert main(["export", str(tmp_path / "no-run"), "--bento"]) == 2
    assert capsys.readouterr().err == (
        "eyespot: 'eyespot export --bento' needs the package bentoml; install it with: pip install 'eyespot[serving]'\n"
    )
