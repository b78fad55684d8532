"""Write a network with weights and activations of eight bits, and measure the ranges that activations have.

It exists because a processor multiplies whole numbers of eight bits several times as fast as float32, and reads
a quarter of the bytes. The file holds QuantizeLinear and DequantizeLinear of standard ONNX around every
operator (QDQ), which any runtime can execute and a good one fuses. See B. Jacob et al., Quantization and Training of
Neural Networks for Efficient Integer-Arithmetic-Only Inference, 2018.
"""

import platform
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray

from edge.artifact import SEAM_NAME
from export.canonical import canonicalise

Target = Literal["arm", "x86"]
Calibration = Literal["minmax", "percentile", "entropy"]

# Softmax is left out: rounded to eight bits, probabilities would no longer sum to 1.
OPERATORS = (
    "Conv",
    "Gemm",
    "MatMul",
    "Add",
    "Mul",
    "Relu",
    "Clip",
    "MaxPool",
    "AveragePool",
    "GlobalAveragePool",
    "Concat",
    "Reshape",
    "Transpose",
)
# Of the values of an activation, the share that must be within its range, in percent.
PERCENTILE = 99.99


@dataclass(frozen=True)
class Scheme:
    """How a processor likes its numbers: whether activations carry a sign, and the bits of a weight.

    Both have whole numbers with sign for weights, a scale for each filter, and sums of 32 bits.
    """

    target: Target
    signed_activations: bool
    weight_bits: Literal[7, 8]

    def __str__(self) -> str:
        activations = "S8" if self.signed_activations else "U8"
        return f"{activations}S8, {self.weight_bits}-bit weights by filter, QDQ"


SCHEMES: dict[Target, Scheme] = {
    "arm": Scheme("arm", signed_activations=True, weight_bits=8),
    # Without VNNI a processor adds two products of U8 and S8 in 16 bits, which overflow; with weights of seven
    # bits they cannot, so the file gives the same sums on every x86.
    "x86": Scheme("x86", signed_activations=False, weight_bits=7),
}


def scheme_for(target: Literal["arm", "x86", "auto"]) -> Scheme:
    """Return the scheme for a processor; `auto` is that of this machine."""
    if target == "auto":
        target = "arm" if platform.machine().lower().startswith(("arm", "aarch")) else "x86"
    return SCHEMES[target]


def measure_ranges(network: onnx.ModelProto, arrays: Iterable[NDArray[np.float32]], calibration: Calibration) -> Any:
    """Return the range of every activation, as onnxruntime keeps them, for pictures float32 [1, h, w, c]."""
    from onnxruntime.quantization.calibrate import CalibrationMethod, create_calibrator

    methods = {
        "minmax": CalibrationMethod.MinMax,
        "percentile": CalibrationMethod.Percentile,
        "entropy": CalibrationMethod.Entropy,
    }
    options = {"percentile": PERCENTILE} if calibration == "percentile" else {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "network.onnx")
        onnx.save(network, path)
        calibrator = create_calibrator(
            path,
            list(OPERATORS),
            augmented_model_path=str(Path(folder, "augmented.onnx")),
            calibrate_method=methods[calibration],
            extra_options=options,
        )
        for array in arrays:  # one at a time, or all activations of all pictures would be in memory
            calibrator.collect_data(_Reader(array))
        return calibrator.compute_data()


class _Reader:
    """One picture, in the form in which onnxruntime asks for pictures."""

    def __init__(self, array: NDArray[np.float32]) -> None:
        self._feeds: Iterator[dict[str, NDArray[np.float32]]] = iter([{SEAM_NAME: array}])

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        return next(self._feeds, None)


def layers(network: onnx.ModelProto) -> list[str]:
    """Return the names of the nodes that have weights."""
    return [node.name for node in network.graph.node if node.op_type in ("Conv", "Gemm", "MatMul")]


def quantise(network: onnx.ModelProto, ranges: Any, scheme: Scheme, excluded: Iterable[str] = ()) -> onnx.ModelProto:
    """Return `network`, float32 [N, h, w, c] to [N, classes], in eight bits, but for the nodes in `excluded`."""
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
    from onnxruntime.quantization.quant_utils import QuantType

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
    classes = network.graph.output[0].type.tensor_type.shape.dim[1].dim_value
    return canonicalise(model, classes)
