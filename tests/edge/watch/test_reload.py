"""A model file that is replaced while it is in use."""

import os
from pathlib import Path

import numpy as np
import pytest

from edge.classifier import Classifier
from edge.watch import reload
from edge.watch.reload import ReloadingClassifier
from tests.edge.artifacts import restamped

DARK = np.full((8, 8, 3), 10, np.uint8)


@pytest.fixture
def model(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> ReloadingClassifier:
    monkeypatch.setattr(reload, "POLL_S", 0.0)
    return ReloadingClassifier(str(tiny_model), lambda: Classifier.load(tiny_model), print)


def replace(path: Path, content: bytes) -> None:
    new = path.with_suffix(".new")
    new.write_bytes(content)
    os.replace(new, path)


def labels(model: ReloadingClassifier, looks: int) -> list[str]:
    return [model.newest().classify(DARK, 1).predictions[0].label for _ in range(looks)]


def test_a_new_file_answers_once_it_stays_as_it_is(
    model: ReloadingClassifier, tiny_model: Path, tiny_content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    assert labels(model, 3) == ["dark"] * 3
    replace(tiny_model, restamped(tiny_content, labels=("night", "noon", "day")))
    assert labels(model, 4) == ["dark", "night", "night", "night"]
    assert capsys.readouterr().out.count("\n") == 1


def test_a_bad_file_leaves_the_model_before_until_a_good_one_comes(
    model: ReloadingClassifier, tiny_model: Path, tiny_content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    replace(tiny_model, tiny_content[:-100])
    assert labels(model, 4) == ["dark"] * 4
    assert capsys.readouterr().out.count("\n") == 1  # told once
    tiny_model.unlink()
    assert labels(model, 4) == ["dark"] * 4
    replace(tiny_model, restamped(tiny_content, labels=("night", "noon", "day")))
    assert labels(model, 3) == ["dark", "night", "night"]
