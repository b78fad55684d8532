"""What a classifier of regions answers, against the same network on crops that NumPy cut."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge.arguments import DONE, NOTHING_DONE
from edge.classifier import Classifier
from edge.spec import Faces, Glyphs
from tests.edge.artifacts import restamped, written
from tests.edge.pictures import grey
from tests.edge.regions.drawn_glyphs import code
from tests.edge.regions.photographs import photograph


@pytest.fixture
def whole(tiny_model: Path) -> Classifier:
    return Classifier.load(tiny_model)


def test_a_face_is_answered_as_its_crop_alone(whole: Classifier, tiny_model: Path) -> None:
    picture = photograph("astronaut.png")
    answer = Classifier.load(tiny_model, regions=Faces()).classify(picture, 2)
    assert (answer.predictions, answer.note, answer.unsure, answer.text) == ((), None, False, None)
    assert answer.regions
    (region,) = answer.regions
    x, y = region.box.x, region.box.y
    crop = picture[y : y + region.box.height, x : x + region.box.width]
    assert region.predictions == whole.classify(crop, 2).predictions


def test_glyphs_are_read_from_left_to_right_each_with_its_border(whole: Classifier, tiny_model: Path) -> None:
    picture, _ = code("1881")
    answer = Classifier.load(tiny_model, regions=Glyphs(4)).classify(picture)
    padded = np.pad(picture, ((5, 5), (5, 5), (0, 0)), mode="edge")
    expected = [
        whole.classify(padded[r.box.y : r.box.y + r.box.height + 10, r.box.x : r.box.x + r.box.width + 10]).predictions
        for r in answer.regions or ()
    ]
    assert [region.predictions for region in answer.regions or ()] == expected
    assert answer.text == "".join(predictions[0].label for predictions in expected)
    assert (answer.predictions, answer.note, answer.unsure) == ((), None, False)


@pytest.mark.parametrize("text", ["", "7", "73911"])
def test_another_number_is_noted_and_nothing_is_read(tiny_model: Path, text: str) -> None:
    answer = Classifier.load(tiny_model, regions=Glyphs(4)).classify(code(text)[0])
    assert (answer.text, answer.unsure) == (None, True)
    assert answer.note
    assert len(answer.regions or ()) == len(text)


def test_one_unsure_region_makes_the_answer_unsure(tiny_model: Path, tiny_content: bytes) -> None:
    picture, _ = code("1818")
    regions = Classifier.load(tiny_model, regions=Glyphs(4)).classify(picture).regions or ()
    best = sorted(region.predictions[0].probability for region in regions)
    for threshold, unsure in ((best[0] - 1e-4, False), (best[0] + 1e-4, True)):
        written(tiny_model, restamped(tiny_content, regions=Glyphs(4), reject_threshold=threshold))
        answer = Classifier.load(tiny_model).classify(picture)
        assert answer.unsure is unsure
        found = sorted(region.predictions[0].probability for region in answer.regions or () if region.unsure)
        assert found == [value for value in best if value < threshold]


def test_opencv_is_needed_for_regions_alone(
    tiny_model: Path, tiny_content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not to verify or describe such a model, nor for whole pictures and copies; for regions its extra is named."""
    monkeypatch.chdir(tmp_path)
    written(tiny_model, restamped(tiny_content, regions=Faces()))
    written(tmp_path / "a.png", grey(10))
    whole = ["classify", tiny_model.name, "a.png", "--regions", "none", "--draw", "."]
    commands = [["verify", tiny_model.name], ["info", tiny_model.name], whole, ["classify", tiny_model.name, "a.png"]]
    script = (
        "import sys; sys.modules['cv2'] = None\n"
        f"from eyespot.cli import main\nprint([main(command) for command in {commands}])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == str([DONE, DONE, DONE, NOTHING_DONE])
    assert done.stderr.count("eyespot[camera]") == done.stderr.count("\n") == 1
    assert (tmp_path / "a-annotated.png").exists()
