"""Write a network with weights and activations of eight bits, on onnxruntime's quantizer.

A processor multiplies integers of eight bits several times as fast as float32, and reads a quarter of the bytes. The
file holds QuantizeLinear and DequantizeLinear of standard ONNX around every operator (QDQ), which any runtime can
execute and a good one fuses. See B. Jacob et al., Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference, 2018.
"""

import platform
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from edge.model import NETWORK_INPUT_NAME
from edge.runtime import read_cpu
from export.graph.canonical import canonicalise
from export.graph.session import answers

Target = Literal["arm", "x86", "x86-vnni"]

# Without Softmax: rounded to eight bits, probabilities would no longer sum to 1.
OPERATORS = (
    *("Conv", "Gemm", "MatMul", "Add", "Mul", "Relu", "Clip", "MaxPool", "AveragePool", "GlobalAveragePool"),
    *("Concat", "Reshape", "Transpose"),
)
WEIGHTED = ("Conv", "Gemm", "MatMul")
VNNI = ("avx_vnni", "avx512_vnni")

# At most so many layers are quantised alone, to see which had better stay in float32, on so many pictures.
MOST_CANDIDATES = 8
PICTURES = 16


@dataclass(frozen=True)
class Scheme:
    """What a kind of processor computes fast and exactly: whether activations are signed, and the bits of a weight.

    Weights are signed, with a scale for each filter, and sums have 32 bits.
    """

    signed_activations: bool
    weight_bits: Literal[7, 8]

    def __str__(self) -> str:
        activations = "S8" if self.signed_activations else "U8"
        return f"{activations}S8, {self.weight_bits}-bit weights per channel, QDQ"


SCHEMES: dict[Target, Scheme] = {
    "arm": Scheme(signed_activations=True, weight_bits=8),
    # Without VNNI a processor adds two products of U8 and S8 in 16 bits, which overflow; with weights of seven
    # bits they cannot, so the file gives the same sums on every x86.
    "x86": Scheme(signed_activations=False, weight_bits=7),
    # With VNNI they cost EfficientNet-Lite0 six points of agreement for nothing (88.9 against 95.1 %, at one speed).
    "x86-vnni": Scheme(signed_activations=False, weight_bits=8),
}


def target_of(asked: Target | Literal["auto"]) -> Target:
    """Return the processor to make a file for; `auto` is this machine's."""
    if asked != "auto":
        return asked
    if platform.machine().lower().startswith(("arm", "aarch")):
        return "arm"
    return "x86-vnni" if any(feature in VNNI for feature in read_cpu()[1]) else "x86"


class _Reader:
    """Pictures in the form in which onnxruntime asks for them, one at a time."""

    def __init__(self, images: Iterable[NDArray[np.float32]]) -> None:
        self._images = iter(images)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        image = next(self._images, None)
        return None if image is None else {NETWORK_INPUT_NAME: image}


def measure_ranges(network: onnx.ModelProto, images: Iterable[NDArray[np.float32]], every: bool = False) -> Any:
    """Return the lowest and highest value of each activation over `images`, float32 [1, h, w, c] each.

    They are onnxruntime's `TensorsData`; of all tensors if `every`, else of those around what is quantised.
    """
    from onnxruntime.quantization import CalibrationMethod, create_calibrator

    with tempfile.TemporaryDirectory() as folder, redirect_stdout(StringIO()):  # onnxruntime prints progress
        path = Path(folder, "network.onnx")
        onnx.save(network, path)
        calibrator = create_calibrator(
            path,
            None if every else list(OPERATORS),
            augmented_model_path=str(Path(folder, "augmented.onnx")),
            calibrate_method=CalibrationMethod.MinMax,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # on a tensor that is not finite, which is found later
            calibrator.collect_data(_Reader(images))
            return calibrator.compute_data()


def quantise(network: onnx.ModelProto, ranges: Any, scheme: Scheme, excluded: Iterable[str] = ()) -> onnx.ModelProto:
    """Return `network`, float32 [N, h, w, c] to [N, classes], in eight bits, but for the nodes in `excluded`."""
    from onnxruntime.quantization import QDQQuantizer, QuantType

    quantizer = QDQQuantizer(
        onnx.shape_inference.infer_shapes(network),
        per_channel=True,
        reduce_range=scheme.weight_bits < 8,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QInt8 if scheme.signed_activations else QuantType.QUInt8,
        tensors_range=ranges,
        nodes_to_quantize=[],
        nodes_to_exclude=list(excluded),
        op_types_to_quantize=list(OPERATORS),
        extra_options={},
    )
    quantizer.quantize_model()
    model: onnx.ModelProto = quantizer.model.model
    return canonicalise(model, network.graph.output[0].type.tensor_type.shape.dim[1].dim_value)


def float_layers(network: onnx.ModelProto) -> tuple[onnx.NodeProto, ...]:
    """Return the nodes that read float32 weights: all layers before quantising, those that were excluded after it."""
    constants = {tensor.name for tensor in network.graph.initializer}
    return tuple(node for node in network.graph.node if node.op_type in WEIGHTED and node.input[1] in constants)


def careful_exclusions(
    network: onnx.ModelProto, ranges: Any, scheme: Scheme, images: NDArray[np.float32]
) -> Iterator[list[str]]:
    """Yield ever more layers to leave in float32, most sensitive first: 1, 2, 4 and 8, and never more than half.

    They are put in order by what eight bits in this layer alone do to the answers for a few of `images`, float32
    [N, h, w, c]. `MOST_CANDIDATES` layers are measured, those in which a step of the input, as the weights carry it
    on, is largest beside the output.
    """
    constants = {tensor.name: tensor for tensor in network.graph.initializer}
    width_of = {name: float(np.subtract(*found.range_value[::-1]).max()) for name, found in ranges.items()}

    def suspicion(layer: onnx.NodeProto) -> float:
        weights = numpy_helper.to_array(constants[layer.input[1]]).astype(np.float64)
        gain = np.sqrt((weights**2).sum() / max(weights.shape[0 if layer.op_type == "Conv" else -1], 1))
        spread = width_of.get(layer.output[0], 0.0)
        return float(gain * width_of.get(layer.input[0], 0.0) / spread) if spread else 0.0

    layers = float_layers(network)
    few, names = images[:PICTURES], {node.name for node in network.graph.node}
    exact = answers(network, few)
    effects = {
        layer.name: float(np.abs(answers(quantise(network, ranges, scheme, names - {layer.name}), few) - exact).mean())
        for layer in sorted(layers, key=suspicion, reverse=True)[:MOST_CANDIDATES]
    }
    ranked = sorted(effects, key=lambda name: -effects[name])
    count = 1
    while count <= min(len(ranked), len(layers) // 2):
        yield ranked[:count]
        count *= 2
