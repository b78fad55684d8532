"""A classifier that travelled answers as the one that stayed."""

import os
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.batch.packed import PackedClassifier
from edge.classifier import Classifier
from edge.errors import ModelError
from edge.spec import Faces
from tests.edge.artifacts import restamped
from tests.edge.regions.test_faces import yunet_stand_in


@pytest.fixture
def packed(tiny_content: bytes, tiny_model: Path, tmp_path: Path) -> PackedClassifier:
    face_model = yunet_stand_in(tmp_path / "yunet.onnx", 512, (10, 20), 64)
    version = Classifier.load(tiny_model).spec.version
    return PackedClassifier(tiny_content, version, 0.9, Faces(), face_model.read_bytes())


def test_it_answers_the_same_and_leaves_nothing(
    packed: PackedClassifier, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(there))
    stayed = Classifier.load(
        tiny_model, min_probability=0.9, regions=Faces(), face_model=tiny_model.with_name("yunet.onnx")
    )
    picture = np.full((512, 512, 3), 128, np.uint8)
    answer = pickle.loads(pickle.dumps(packed)).load().classify(picture)
    assert answer == stayed.classify(picture)
    assert (len(answer.regions or ()), answer.unsure) == (1, True)
    assert os.listdir(there) == []


def test_without_regions_it_classifies_whole_pictures_whatever_the_model_says(
    packed: PackedClassifier, tiny_content: bytes, tmp_path: Path
) -> None:
    content = restamped(tiny_content, regions=Faces())
    (tmp_path / "faces.onnx").write_bytes(content)
    version = Classifier.load(tmp_path / "faces.onnx").spec.version
    answer = replace(packed, model=content, version=version, regions=None, face_model=None).load()
    assert answer.classify(np.full((9, 9, 3), 10, np.uint8)).predictions[0].label == "dark"


def test_a_file_that_was_replaced_meanwhile_is_told(packed: PackedClassifier) -> None:
    with pytest.raises(ModelError, match="was replaced while the run began"):
        replace(packed, version="another").load()
