"""`eyespot.export`: a Keras model, a file of it and a run become files that answer as Keras does."""

from pathlib import Path

import numpy as np
import pytest

import eyespot
from edge.errors import ModelError, ModelNotFoundError, UsageError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def preprocessing() -> eyespot.Preprocessing:
    return eyespot.Preprocessing.preset("tf", (20, 24))


@pytest.fixture(scope="module")
def model(preprocessing: eyespot.Preprocessing) -> object:
    from export.quiet_tensorflow import start_tensorflow

    start_tensorflow()
    import keras

    keras.utils.set_random_seed(1)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(preprocessing.shape),
            layers.Conv2D(4, 3, activation="relu"),
            layers.GlobalMaxPooling2D(),
            layers.Dense(2),
        ]
    )


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


@pytest.mark.parametrize("from_file", [False, True])
def test_the_file_answers_as_keras_does_on_the_same_arrays(
    from_file: bool, model: object, preprocessing: eyespot.Preprocessing, photos: Path, tmp_path: Path
) -> None:
    given = tmp_path / "model.keras" if from_file else model
    if from_file:
        model.save(given)  # type: ignore[attr-defined]
    output = tmp_path / "colours.onnx"
    spec = eyespot.export(given, ["cold", "warm"], preprocessing, output=output, images=photos / "photos")
    assert (spec.name, spec.labels, spec.preprocessing) == ("colours", ("cold", "warm"), preprocessing.steps)
    assert spec.parity
    assert spec.parity.images == 16
    logits = model(preprocessing(photos / "photo.jpg")[None])  # type: ignore[operator]
    answer = eyespot.Classifier.load(output).classify(photos / "photo.jpg")
    found = {prediction.label: prediction.probability for prediction in answer.predictions}
    np.testing.assert_allclose([found["cold"], found["warm"]], softmax(np.asarray(logits)[0]), atol=1e-5)


def test_a_run_brings_its_own_labels(lenet_run: Path, preprocessing: eyespot.Preprocessing, tmp_path: Path) -> None:
    spec = eyespot.export(lenet_run, output=tmp_path / "digits.onnx")
    assert spec.labels == tuple("0123456789")
    assert eyespot.Classifier.load(tmp_path / "digits.onnx").spec == spec
    with pytest.raises(UsageError):
        eyespot.export(lenet_run, ["a", "b"], preprocessing, output=tmp_path / "again.onnx")


def test_what_cannot_be_exported_leaves_no_file(
    model: object, preprocessing: eyespot.Preprocessing, tmp_path: Path
) -> None:
    output = tmp_path / "none.onnx"
    with pytest.raises(UsageError):
        eyespot.export(model, output=output)
    with pytest.raises(ModelError):
        eyespot.export(model, ["one", "two", "three"], preprocessing, output=output)
    with pytest.raises(UsageError):
        eyespot.export(model, ["one", "two"], eyespot.Preprocessing.preset("tf", 8, channels=1), output=output)
    with pytest.raises(ModelNotFoundError):
        eyespot.export(tmp_path / "nothing.keras", ["one", "two"], preprocessing, output=output)
    assert not output.exists()
