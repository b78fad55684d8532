"""The guess of a model: that of `Classifier` on the same picture, and of NumPy on what the tiny model computes."""

from pathlib import Path

import numpy as np
import pytest

from edge.classifier import Classifier
from edge.errors import ModelError, UsageError
from edge.spec import Faces, Glyphs
from tests.conftest import TINY_LABELS, tiny_probabilities
from tests.edge.artifacts import restamped, written
from tests.edge.regions.drawn_glyphs import hershey
from training.annotate.cutter import AnyGlyphs, Cutter
from training.annotate.suggest import Suggester


@pytest.mark.parametrize("level", [0, 100, 128, 255])
def test_the_guess_is_the_best_label_and_its_probability(tiny_model: Path, level: int) -> None:
    guess = Suggester(tiny_model, Cutter(None)).guess(np.full((9, 7, 3), level, np.uint8))
    expected = tiny_probabilities(level)
    assert guess.label == TINY_LABELS[expected.argmax()]
    assert guess.probability == pytest.approx(expected.max(), abs=1e-5)


def test_a_glyph_is_guessed_as_it_will_be_read(tmp_path: Path, tiny_content: bytes) -> None:
    model = written(tmp_path / "m.onnx", restamped(tiny_content, regions=Glyphs(4), reject_threshold=0.999999))
    cutter = Cutter(AnyGlyphs())
    picture = hershey("7391")
    suggester = Suggester(model, cutter)
    guesses = [suggester.guess(cutter.crop(picture, box)) for box in cutter.find(picture)]
    read = Classifier.load(model).classify(picture).regions or ()
    assert [(g.label, g.probability, g.unsure) for g in guesses] == [
        (r.predictions[0].label, r.predictions[0].probability, r.unsure) for r in read
    ]


def test_a_model_that_reads_something_else_is_refused(tmp_path: Path, tiny_content: bytes) -> None:
    model = written(tmp_path / "m.onnx", restamped(tiny_content, regions=Faces()))
    with pytest.raises(UsageError, match=r"reads faces, --regions asks for none; name another model"):
        Suggester(model, Cutter(None))


def test_a_file_that_is_no_model_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        Suggester(written(tmp_path / "m.onnx", b"no model"), Cutter(None))
