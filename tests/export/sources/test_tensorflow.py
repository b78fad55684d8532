"""The converted network and the merged file: names, shapes and versions, and the same answers as Keras."""

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from edge.errors import ModelError, UsageError
from edge.runtime import create_session
from edge.steps import Grey, Resize, Scale
from export.graph.merge import merge
from export.preprocess import build_preprocessing
from export.quiet_tensorflow import start_tensorflow
from export.sources.tensorflow import keras_source

start_tensorflow()
import keras
from keras import layers

LAYERS = {
    "dense": lambda: [layers.Flatten(), layers.Dense(5, "relu"), layers.Dropout(0.9)],
    "strided": lambda: [layers.Conv2D(3, 3, strides=2, padding="same"), layers.GlobalAveragePooling2D()],
    "pooling": lambda: [layers.MaxPooling2D(2), layers.AveragePooling2D(2), layers.Flatten()],
    "normalised": lambda: [layers.Conv2D(2, 3), layers.BatchNormalization(), layers.Flatten()],
}


def network(inner: list[keras.layers.Layer], channels: int = 3) -> keras.Model:
    keras.utils.set_random_seed(7)
    return keras.Sequential([keras.Input((8, 8, channels)), *inner, layers.Dense(4, "softmax")])


def convert_network(model: keras.Model) -> onnx.ModelProto:
    return keras_source(model, "test").convert(tuple(model.input_shape[1:]), model.output_shape[-1])


def opsets(model: onnx.ModelProto) -> dict[str, int]:
    return {opset.domain: opset.version for opset in model.opset_import}


@pytest.mark.parametrize(
    "kind", ["dense", *(pytest.param(kind, marks=pytest.mark.slow) for kind in LAYERS if kind != "dense")]
)
def test_converted_network_answers_as_keras(kind: str) -> None:
    model = network(LAYERS[kind]())
    images = np.random.default_rng(0).random((3, 8, 8, 3), np.float32)
    session = create_session(convert_network(model).SerializeToString(), "test")
    found = session.run(["probabilities"], {"network_input": images})[0]
    # Float32 sums of at most a few hundred terms, in another order.
    np.testing.assert_allclose(found, model(images, training=False), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("steps", "given"),
    [
        ((Resize(9, 8, "antialias"),), r"\[9, 8, 3\]"),
        ((Resize(8, 8, "antialias"), Grey()), r"\[8, 8, 1\]"),
        ((Scale(1 / 255),), r"\[0, 0, 3\]"),
    ],
    ids=["size", "channels", "no size"],
)
def test_merge_refuses_parts_that_do_not_fit(steps: tuple[Resize | Grey | Scale, ...], given: str) -> None:
    converted = convert_network(network(LAYERS["dense"]()))
    with pytest.raises(UsageError, match=rf"gives {given} .* takes \[8, 8, 3\]"):
        merge(build_preprocessing(steps), converted)


def test_weights_that_no_file_holds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    converted = convert_network(network(LAYERS["dense"]()))
    steps = (Resize(8, 8, "antialias"),)
    weights = sum(len(tensor.raw_data) for tensor in converted.graph.initializer)
    assert weights > (8 * 8 * 3 * 5 + 5 * 4) * 4
    monkeypatch.setattr("export.graph.merge.LARGEST_BYTES", weights - 1)
    with pytest.raises(ModelError, match=r"the network's weights take 0\.0 GB, and an \.onnx file in one piece holds"):
        merge(build_preprocessing(steps), converted)


def test_artifact_has_the_contract_of_the_design(lenet_model: Path) -> None:
    model = onnx.load(lenet_model)
    onnx.checker.check_model(model, full_check=True)
    assert opsets(model) == {"": 18}
    assert model.ir_version <= 10
    (image,), (probabilities,) = model.graph.input, model.graph.output
    assert (image.name, image.type.tensor_type.elem_type) == ("image", TensorProto.UINT8)
    assert shape(image) == ["N", "H", "W", 3]
    assert (probabilities.name, probabilities.type.tensor_type.elem_type) == ("probabilities", TensorProto.FLOAT)
    assert shape(probabilities) == ["N", 10]
    (seam,) = (value for value in model.graph.value_info if value.name == "network_input")
    assert seam.type.tensor_type.elem_type == TensorProto.FLOAT
    assert shape(seam) == ["N", 28, 28, 1]


def shape(value: onnx.ValueInfoProto) -> list[str | int]:
    return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]


def test_a_conversion_leaves_the_log_level_to_programs_started_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """tf2onnx sets it, and a child would take that for the user's wish."""
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    convert_network(network([layers.Flatten()]))
    assert "TF_CPP_MIN_LOG_LEVEL" not in os.environ
