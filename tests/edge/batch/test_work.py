"""The work on a group of inputs: a row for each, whatever becomes of the others."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.batch.inputs import Input
from edge.batch.work import Work
from edge.classification import Classification
from edge.classifier import Begun, Classifier

LEVELS = (10, 128, 240, 60, 200)


@pytest.fixture
def inputs(tmp_path: Path) -> list[Input]:
    for level in LEVELS:
        cv2.imwrite(str(tmp_path / f"{level}.png"), np.full((5, 6, 3), level, np.uint8))
    (tmp_path / "60.png").write_bytes(b"no picture")
    return [Input(str(tmp_path / f"{level}.png")) for level in LEVELS] + [Input(str(tmp_path / "gone.png"))]


def work(classifier: Classifier) -> Work:
    return Work(classifier, 2, 1000, False)


def test_a_group_has_the_rows_that_each_has_alone(inputs: list[Input], tiny_model: Path) -> None:
    many, single = (work(Classifier.load(tiny_model, many=many)) for many in (True, False))
    together, alone = many(inputs), [single([item])[0] for item in inputs]
    assert [row.code for row in together] == [None, None, None, "not_an_image", None, "not_found"]
    for row, other in zip(together, alone, strict=True):
        assert (row.sha256, row.size_bytes) == (other.sha256, other.size_bytes)
        assert row.answer.classification == other.answer.classification
        assert str(row.answer.error) == str(other.answer.error)


def test_where_one_makes_the_model_fail_the_others_are_answered(
    inputs: list[Input], tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = Classifier.load(tiny_model, many=True)
    expected = work(classifier)(inputs)
    finish, guilty = classifier.finish, classifier.begin(np.full((5, 6, 3), 240, np.uint8)).prepared[0]

    def failing(begun: Sequence[Begun], top_k: int | None) -> list[Classification]:
        if any(np.array_equal(one.prepared[0], guilty) for one in begun):
            raise RuntimeError("out of luck\nand more")
        return finish(begun, top_k)

    monkeypatch.setattr(classifier, "finish", failing)
    rows = work(classifier)(inputs)
    assert [row.code for row in rows] == [None, None, "failed", "not_an_image", None, "not_found"]
    assert str(rows[2].answer.error) == "RuntimeError: out of luck"
    for i in (0, 1, 4):
        assert rows[i].answer.classification == expected[i].answer.classification
