"""Which picture a card shows, and what its steps are run on."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from edge.errors import ModelError
from edge.model import read_spec
from edge.spec import SelfTest, SelfTestSample
from edge.steps import Grey, Resize, Scale
from export.card.stages import choose_sample, run_stages
from export.writer import encode_png
from tests.export.card.artifacts import make_labels, photograph, write_model


def test_the_sample_that_keras_was_surest_of_is_shown(tmp_path: Path) -> None:
    spec = read_spec(write_model(tmp_path / "m.onnx", make_labels(2), (Resize(4, 4, "antialias"),)))
    pictures = {name: photograph(8, 9, seed) for seed, name in enumerate(("odd", "clear", "grey"))}
    surest = {"odd": (0.6, 0.4), "clear": (0.1, 0.9), "grey": (0.8, 0.2)}
    samples = tuple(SelfTestSample(name, encode_png(pictures[name]), surest[name]) for name in pictures)
    sample = choose_sample(replace(spec, self_test=SelfTest(1e-4, samples)))
    assert sample.name == "clear"
    assert np.array_equal(sample.pixels, pictures["clear"])


def test_a_sample_that_is_no_picture_is_named(tmp_path: Path) -> None:
    spec = read_spec(write_model(tmp_path / "m.onnx", make_labels(2), (Resize(4, 4, "antialias"),)))
    with pytest.raises(ModelError, match="'words' is no picture"):
        choose_sample(replace(spec, self_test=SelfTest(1e-4, (SelfTestSample("words", "AAAA", (0.5, 0.5)),))))


def test_each_stage_knows_what_black_and_white_became() -> None:
    stages = run_stages((Grey(), Resize(3, 5, "antialias"), Scale(-0.5)), photograph(6, 10))
    assert [stage.values.shape for stage in stages] == [(6, 10, 3), (6, 10, 1), (3, 5, 1), (3, 5, 1)]
    assert [(stage.lowest, stage.highest) for stage in stages] == [(0, 255)] * 3 + [(-127.5, 0)]
    assert np.array_equal(stages[3].values, stages[2].values * np.float32(-0.5))
