"""Which pictures a card shows."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from edge.errors import ModelError
from edge.model import read_spec
from edge.spec import SelfTest, SelfTestSample
from edge.steps import Resize
from export.card.pictures import choose_samples
from export.writer import encode_png
from tests.export.card.artifacts import make_labels, photograph, write_model


def test_the_sample_that_keras_was_surest_of_is_shown(tmp_path: Path) -> None:
    spec = read_spec(write_model(tmp_path / "m.onnx", make_labels(2), (Resize(4, 4, "antialias"),)))
    pictures = {name: photograph(8, 9, seed) for seed, name in enumerate(("odd", "clear", "grey"))}
    surest = {"odd": (0.6, 0.4), "clear": (0.1, 0.9), "grey": (0.8, 0.2)}
    samples = tuple(SelfTestSample(name, encode_png(pictures[name]), surest[name]) for name in pictures)
    sample, *others = choose_samples(replace(spec, self_test=SelfTest(1e-4, samples)))
    assert sample.name == "clear"
    assert [other.name for other in others] == ["grey", "odd"]
    assert np.array_equal(sample.pixels, pictures["clear"])


def test_a_sample_that_is_no_picture_is_named(tmp_path: Path) -> None:
    spec = read_spec(write_model(tmp_path / "m.onnx", make_labels(2), (Resize(4, 4, "antialias"),)))
    with pytest.raises(ModelError, match="'words' is no picture"):
        choose_samples(replace(spec, self_test=SelfTest(1e-4, (SelfTestSample("words", "AAAA", (0.5, 0.5)),))))
