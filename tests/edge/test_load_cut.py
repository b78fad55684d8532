"""Halves on a device: the same answers as the whole file, to the last bit, or one picture at a time."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from edge.classifier import Classifier
from edge.errors import ModelError
from edge.load_cut import load_cut
from edge.sessions import Halves, Whole
from tests.edge.artifacts import mixing, restamped, single, without_entry, written

PICTURES = [np.full((5 + i, 6, 3), 25 * i, np.uint8) for i in range(10)]


@pytest.fixture(autouse=True)
def worth_sharing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is worth while depends on the machine, so that here it always is."""
    monkeypatch.setattr("edge.load_cut.WORTH_SHARING", float("inf"))


def whole_answers(content: bytes) -> np.ndarray:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {"image": picture[None]})[0] for picture in PICTURES])


def test_shared_runs_give_the_bits_of_the_whole_file(tiny_content: bytes, tiny_model: Path) -> None:
    _, sessions = load_cut(tiny_model, 1)
    assert isinstance(sessions, Halves)
    assert sessions.sizes == (1, 2, 4, 8)
    prepared = [sessions.prepare(picture) for picture in PICTURES]
    expected = whole_answers(tiny_content)
    for count in range(1, 9):
        np.testing.assert_array_equal(sessions.answer(prepared[:count]), expected[:count])


@pytest.mark.parametrize("change", [mixing, single], ids=["a batch is mixed", "one picture only"])
def test_a_network_that_answers_otherwise_in_company_gets_pictures_one_by_one(
    tiny_content: bytes, tmp_path: Path, change: Any
) -> None:
    content = change(tiny_content)
    model = written(tmp_path / "m.onnx", content)
    _, sessions = load_cut(model, 1)
    assert (type(sessions), sessions.most) == (Halves, 1)
    classifier = Classifier.load(model, many=True)
    found = classifier.finish([classifier.begin(picture) for picture in PICTURES])
    expected = whole_answers(content)
    labels = list(classifier.spec.labels)
    for answer, row in zip(found, expected, strict=True):
        np.testing.assert_array_equal(
            [p.probability for p in sorted(answer.predictions, key=lambda p: labels.index(p.label))],
            [float(str(value)) for value in row],
        )


def test_a_slow_network_is_not_tried_in_company(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.load_cut.LONGEST_TRIED_S", 0.0)
    assert load_cut(tiny_model, 1)[1].most == 1


def test_company_that_takes_longer_is_not_kept(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.load_cut.WORTH_SHARING", 0.0)
    assert load_cut(tiny_model, 1)[1].most == 1


def test_a_file_that_cannot_be_cut_runs_whole(tiny_content: bytes, tmp_path: Path) -> None:
    model = without_entry(tiny_content)
    for node in model.graph.node:
        node.input[:] = [name.replace("network_input", "other") for name in node.input]
        node.output[:] = [name.replace("network_input", "other") for name in node.output]
    content = restamped(tiny_content, model)
    _, sessions = load_cut(written(tmp_path / "m.onnx", content), 1)
    assert isinstance(sessions, Whole)
    found = sessions.answer([sessions.prepare(picture) for picture in PICTURES])
    np.testing.assert_array_equal(found, whole_answers(content))


def test_a_file_of_other_names_is_refused_in_the_words_of_every_command(tiny_content: bytes, tmp_path: Path) -> None:
    model = without_entry(tiny_content)
    onnx.compose.add_prefix(model, "my ", inplace=True, rename_nodes=False)
    path = written(tmp_path / "m.onnx", restamped(tiny_content, model))
    words = []
    for many in (False, True):
        with pytest.raises(ModelError, match=r"the input must be 'image'") as refusal:
            Classifier.load(path, many=many)
        words.append(str(refusal.value))
    assert words[0] == words[1]
