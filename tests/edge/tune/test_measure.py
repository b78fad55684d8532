"""One turn, in this process: on which picture, and that the model's own samples come first."""

from pathlib import Path

import numpy as np
import pytest

from edge.classifier import Classifier
from edge.errors import ParityError
from edge.spec import Faces
from edge.tune.measure import LEAST_RUNS, made_picture, take_turn
from tests.conftest import broken_self_test
from tests.edge.artifacts import restamped, written
from tests.edge.batch.conftest import grey


def shapes(monkeypatch: pytest.MonkeyPatch) -> set[tuple[int, ...]]:
    seen: set[tuple[int, ...]] = set()
    before = Classifier.probabilities

    def watched(self: Classifier, images: np.ndarray) -> np.ndarray:
        seen.add(images.shape)
        return before(self, images)

    monkeypatch.setattr(Classifier, "probabilities", watched)
    return seen


def test_the_picture_is_a_small_camera_s_a_region_s_or_the_user_s(
    tiny_model: Path, tiny_content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = shapes(monkeypatch)
    turn = take_turn(str(tiny_model), 1, True, 0.0, None)
    assert len(turn.seconds) == LEAST_RUNS
    assert all(0 < second < 10 for second in turn.seconds)
    samples = {(1, 6, 5, 3)}
    assert seen == samples | {(1, 480, 640, 3)}
    seen.clear()
    take_turn(str(tiny_model), 2, False, 0.0, str(written(tmp_path / "grey.png", grey(10))))
    assert seen == samples | {(1, 9, 11, 3)}
    seen.clear()
    take_turn(str(written(tiny_model, restamped(tiny_content, regions=Faces()))), 1, True, 0.0, None)
    assert seen == samples | {(1, 120, 120, 3)}


def test_the_made_picture_has_neighbours_that_differ() -> None:
    picture = made_picture(7, 9)
    assert (picture.shape, picture.dtype) == ((7, 9, 3), np.uint8)
    assert (np.diff(picture.astype(int), axis=1) != 0).all()


def test_a_model_that_fails_its_samples_is_not_measured(tiny_model: Path, tiny_content: bytes) -> None:
    written(tiny_model, restamped(tiny_content, self_test=broken_self_test()))
    with pytest.raises(ParityError, match="does not answer here"):
        take_turn(str(tiny_model), 1, True, 0.0, None)
