"""The models that `latency` measures, in the form that each runtime takes.

Weights are random, but those of EfficientNet-Lite.

Usage: python -m tests.benchmarks.latency_models NETWORK FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import onnx

from edge.steps import Grey, Resize, Scale
from export.graph.canonical import canonicalise
from export.graph.merge import merge
from export.graph.session import optimise
from export.preprocess import OPSET, build_preprocessing
from export.quantize.int8 import SCHEMES, measure_ranges, quantise, target_of
from export.quiet_tensorflow import start_tensorflow

CALIBRATION_PICTURES = 16


def main() -> None:
    start_tensorflow()
    import keras

    from training.backbones import find_backbone
    from training.networks.catalogue import NETWORKS

    name, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(1)
    model = find_backbone(name).classifier() if name.startswith("efficientnet-lite") else NETWORKS[name].build()
    plain = convert_plainly(model)
    onnx.save(plain, folder / "plain.onnx")
    onnx.save(with_batch_of_one(plain), folder / "one.onnx")
    classes = int(model.output_shape[1])
    network = canonicalise(optimise(canonicalise(plain, classes), name), classes)
    side, _, channels = model.input_shape[1:]
    front = build_preprocessing((Resize(side, side, "area"), *([Grey()] if channels == 1 else []), Scale(1 / 255)))
    onnx.save(merge(front, network), folder / "float32.onnx")
    chance = np.random.default_rng(0)
    pictures = [chance.random((1, side, side, channels), np.float32) for _ in range(CALIBRATION_PICTURES)]
    small = quantise(network, measure_ranges(network, pictures), SCHEMES[target_of("auto")])
    onnx.save(merge(front, small), folder / "int8.onnx")
    model.save(folder / "model.keras")
    quantise_as_onnxruntime_does(folder / "plain.onnx", pictures, folder / "onnxruntime-int8.onnx")
    (folder / "model-int8.tflite").write_bytes(convert_to_tflite(model, pictures))
    (folder / "model.tflite").write_bytes(convert_to_tflite(model))


def convert_plainly(model: object) -> onnx.ModelProto:
    """What tf2onnx writes, with a name for its input and output."""
    import tensorflow as tf
    import tf2onnx

    signature = [tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name="network_input")]  # type: ignore[attr-defined]
    function = tf.function(lambda x: model(x, training=False), input_signature=signature, autograph=False)  # type: ignore[operator]
    return tf2onnx.convert.from_function(function, input_signature=signature, opset=OPSET)[0]


def with_batch_of_one(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same for a batch of one picture, which is all that OpenCV takes."""
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    fixed.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    return fixed


def quantise_as_onnxruntime_does(model: Path, pictures: list[np.ndarray], target: Path) -> None:
    """Its static quantisation as its documentation shows it: pre-processed, every layer, default settings."""
    from onnxruntime.quantization import CalibrationDataReader, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.pictures = iter(pictures)

        def get_next(self) -> dict[str, np.ndarray] | None:
            picture = next(self.pictures, None)
            return None if picture is None else {"network_input": picture}

    # Its symbolic shape inference, one of three parts, cannot read back what it writes with this version of onnx.
    prepared = target.with_suffix(".prepared.onnx")
    quant_pre_process(str(model), str(prepared), skip_symbolic_shape=True)
    quantize_static(str(prepared), str(target), Reader())


def convert_to_tflite(model: object, pictures: list[np.ndarray] | None = None) -> bytes:
    """Return it for LiteRT; with `pictures` in int8 within, its input and output float32 as before."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    signature = [tf.TensorSpec((1, *model.input_shape[1:]), tf.float32)]  # type: ignore[attr-defined]
    function = tf.function(lambda x: model(x, training=False), input_signature=signature)  # type: ignore[operator]
    # Variables of Keras 3 arrive in the file without their values.
    frozen = convert_variables_to_constants_v2(function.get_concrete_function())
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    if pictures is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([picture] for picture in pictures)
    return bytes(converter.convert())


if __name__ == "__main__":
    main()
