"""Files that were written before edge was rebuilt load, verify and answer as they did; see tests/data/README.md."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from edge.classifier import Classifier, replay_self_test
from edge.model import read_spec
from edge.result import Classification, classification_fields
from edge.runtime import read_cpu

DATA = Path(__file__).parent.parent / "data"
RECORDED = json.loads((DATA / "answers.json").read_text(encoding="utf-8"))
# On another processor sums come out in another order; eight bits without VNNI saturate elsewhere.
TOLERANCE = {"linear-digits": 1e-5, "lenet-digits-int8": 0.05}


def picture(number: int) -> np.ndarray:
    """Return one of the pictures that were classified then."""
    height, width = 24 + 16 * number, 40 - 8 * number
    rows, columns = np.mgrid[:height, :width]
    planes = [(rows * (5 + c) + columns * (11 - 2 * c) + 40 * number) % 256 for c in range(3)]
    return np.stack(planes, axis=-1).astype(np.uint8)


@pytest.fixture(params=sorted(RECORDED["models"]))
def old(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return request.param, RECORDED["models"][request.param]


def test_it_loads_and_has_the_same_digest(old: tuple[str, dict[str, Any]]) -> None:
    name, recorded = old
    spec = read_spec(DATA / f"{name}.onnx")  # which compares the version in the file with a digest of its content
    assert spec.version == recorded["version"]
    assert spec.training is not None
    assert spec.training.accuracy == recorded["accuracy"]


def test_it_passes_its_own_self_test(old: tuple[str, dict[str, Any]]) -> None:
    classifier = Classifier.load(DATA / f"{old[0]}.onnx")
    assert replay_self_test(classifier.spec, classifier.probabilities).passed


def test_it_gives_the_same_answers(old: tuple[str, dict[str, Any]], tmp_path: Path) -> None:
    name, recorded = old
    classifier = Classifier.load(DATA / f"{name}.onnx")
    same_processor = list(read_cpu()[1]) == RECORDED["processor"]
    for number, expected in enumerate(recorded["probabilities"]):
        found = classifier.probabilities(picture(number)[None])[0]
        assert np.abs(found - np.array(expected)).max() <= (0 if same_processor else TOLERANCE[name])
        Image.fromarray(picture(number)).save(tmp_path / "picture.png")
        answer = classifier.classify(tmp_path / "picture.png", 2)
        then = recorded["classifications"][number]
        assert answer.predictions[0].label == msgspec.convert(then, Classification).predictions[0].label
        if same_processor:
            assert json.loads(json.dumps(classification_fields(answer))) == then
