"""A remembered file stands in while it is what it was; otherwise the model that was named is taken, with one line."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.classifier import Classifier
from edge.cli import NOTHING_DONE, SOME_FAILED, main
from edge.errors import ModelNotFoundError
from edge.tune.load import load_tuned
from edge.tune.record import remember
from tests.edge.artifacts import written
from tests.edge.tune.networks import TRAINING, VARIANT, float32, int8, pair, record

DARK = np.full((9, 9, 3), 10, np.uint8)


@pytest.fixture
def files(tmp_path: Path, tiny_content: bytes, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    monkeypatch.setenv("EYESPOT_CACHE", str(tmp_path / "cache"))
    return pair(tmp_path, tiny_content)


def answer(classifier: Classifier) -> str:
    return classifier.classify(DARK).predictions[0].label


def test_one_image_and_many_have_each_their_best(files: tuple[Path, Path]) -> None:
    m, m8 = files
    said: list[str] = []
    assert load_tuned(m, said.append, many=False) is None
    remember(record(m8, m))
    one, many = (load_tuned(m, said.append, many=many) for many in (False, True))
    assert one
    assert many
    assert (answer(one[0]), one[1]) == ("bright", m8)
    assert (answer(many[0]), many[1]) == ("dark", m)
    (line,) = said  # the file that was named stands in for nobody
    assert line == f"{m8} stands in for {m}, as 'eyespot tune' found best here (--untuned takes {m} itself)"


def test_the_best_that_was_moved_is_the_best_when_it_is_named(files: tuple[Path, Path], tmp_path: Path) -> None:
    m, m8 = files
    remember(record(m8, m8, m))
    moved = m8.rename(tmp_path / "moved.onnx")
    said: list[str] = []
    found = load_tuned(moved, said.append, many=False)
    assert found
    assert (answer(found[0]), found[1], said) == ("bright", moved, [])


def test_options_reach_the_file_that_stands_in(files: tuple[Path, Path]) -> None:
    m, m8 = files
    remember(record(m8, m8, m))
    found = load_tuned(m, print, many=False, min_probability=1.0)
    assert found
    assert found[0].classify(DARK).unsure


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("gone", "is gone"),
        ("altered", "has changed"),
        ("another training", "has changed"),
        ("cut short", "cannot be used any more"),
    ],
)
def test_a_file_that_is_gone_or_changed_is_one_line(
    files: tuple[Path, Path], tiny_content: bytes, change: str, reason: str
) -> None:
    m, m8 = files
    remember(record(m8, m8, m))
    m8.unlink()
    if change == "altered":
        written(m8, int8(tiny_content, variant=replace(VARIANT, accuracy=0.987)))
    if change == "another training":
        written(m8, float32(tiny_content, training=replace(TRAINING, seed=5)))
    if change == "cut short":
        written(m8, int8(tiny_content)[:-50])
    said: list[str] = []
    assert load_tuned(m, said.append, many=False) is None
    (line,) = said
    assert line.startswith(f"{m8}, which 'eyespot tune' found best for {m}, {reason}")
    assert line.endswith(f"; {m} is taken itself; tune again")


def test_a_record_cannot_make_a_bad_variant_stand_in(files: tuple[Path, Path], tiny_content: bytes) -> None:
    m, m8 = files
    written(m8, int8(tiny_content, variant=replace(VARIANT, accuracy=0.9)))
    remember(record(m8, m8, m))
    said: list[str] = []
    assert load_tuned(m, said.append, many=False) is None
    assert "loses 9.00 points of accuracy, limit 0.5" in said[0]


def test_a_model_that_is_not_there_is_its_own_error(files: tuple[Path, Path]) -> None:
    with pytest.raises(ModelNotFoundError):
        load_tuned(Path("none.onnx"), print, many=False)


def test_a_batch_that_began_untuned_goes_on_so(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = files
    monkeypatch.chdir(tmp_path)
    for name, level in (("1.png", 250), ("3.png", 10)):
        cv2.imwrite(name, np.full((8, 8, 3), level, np.uint8))
    images = ["1.png", "2.png", "3.png"]
    command = ["batch", str(one), *images, "--output", "r.jsonl", "--resume", "--quiet"]
    assert main([*command, "--max-failures", "0"]) == NOTHING_DONE  # there is no 2.png
    remember(record(other, other, one))
    assert main(command) == SOME_FAILED
    assert main(["batch", str(one), *images, "--output", "whole.jsonl", "--quiet", "--untuned"]) == SOME_FAILED
    assert Path("r.jsonl").read_bytes() == Path("whole.jsonl").read_bytes()
    assert main(["batch", str(one), *images, "--output", "tuned.jsonl", "--quiet"]) == SOME_FAILED
    assert Path("tuned.jsonl").read_bytes() != Path("whole.jsonl").read_bytes()
