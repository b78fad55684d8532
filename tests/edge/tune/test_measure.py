"""One turn, in this process: on which picture, and that the model's own samples come first."""

from pathlib import Path

import numpy as np
import pytest

from edge.classification import Classification
from edge.classifier import Begun, Classifier
from edge.errors import ParityError
from edge.spec import Faces
from edge.tune.configuration import Configuration
from edge.tune.measure import LEAST_RUNS, made_picture, take_turn
from tests.conftest import broken_self_test
from tests.edge.artifacts import restamped, written
from tests.edge.pictures import grey


def shapes(monkeypatch: pytest.MonkeyPatch) -> set[tuple[int, ...]]:
    """The sizes of all pictures that are classified from here on."""
    seen: set[tuple[int, ...]] = set()
    before = Classifier.begin

    def watched(self: Classifier, image: np.ndarray) -> Begun:
        seen.add(image.shape)
        return before(self, image)

    monkeypatch.setattr(Classifier, "begin", watched)
    return seen


def test_the_picture_is_a_small_camera_s_a_region_s_or_the_user_s(
    tiny_model: Path, tiny_content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = shapes(monkeypatch)
    turn = take_turn(Configuration(tiny_model, 1, True), 0.0, None)
    assert len(turn.seconds) == LEAST_RUNS
    assert all(0 < second < 10 for second in turn.seconds)
    assert seen == {(480, 640, 3)}
    seen.clear()
    take_turn(Configuration(tiny_model, 2, False), 0.0, str(written(tmp_path / "grey.png", grey(10))))
    assert seen == {(9, 11, 3)}
    seen.clear()
    written(tiny_model, restamped(tiny_content, regions=Faces()))
    take_turn(Configuration(tiny_model, 1, True), 0.0, None)
    assert seen == {(120, 120, 3)}


@pytest.mark.parametrize("together", [1, 8])
def test_many_are_measured_as_they_run_and_the_figure_is_that_of_one(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    clock, runs = iter(range(1000)), []
    finish = Classifier.finish

    def watched(self: Classifier, begun: list[Begun], top_k: int | None = None) -> list[Classification]:
        runs.append(len(begun))
        return finish(self, begun, top_k)

    monkeypatch.setattr("edge.load_cut._may_share", lambda _: together > 1)  # whatever the machine finds
    monkeypatch.setattr(Classifier, "finish", watched)
    monkeypatch.setattr("edge.tune.measure.time.perf_counter", lambda: next(clock))  # a second for each look
    turn = take_turn(Configuration(tiny_model, 1, True, many=True), 0.0, None)
    assert set(runs) == {together}
    assert turn.seconds == (1 / together,) * LEAST_RUNS


def test_the_made_picture_has_neighbours_that_differ() -> None:
    picture = made_picture(7, 9)
    assert (picture.shape, picture.dtype) == ((7, 9, 3), np.uint8)
    assert (np.diff(picture.astype(int), axis=1) != 0).all()


def test_a_model_that_fails_its_samples_is_not_measured(tiny_model: Path, tiny_content: bytes) -> None:
    written(tiny_model, restamped(tiny_content, self_test=broken_self_test()))
    with pytest.raises(ParityError, match="does not answer here"):
        take_turn(Configuration(tiny_model, 1, True), 0.0, None)
