"""Write a network with weights and activations of eight bits, and measure the ranges that activations have.

It exists because a processor multiplies whole numbers of eight bits several times as fast as float32, and reads
a quarter of the bytes. The file holds QuantizeLinear and DequantizeLinear of standard ONNX around every
operator (QDQ), which any runtime can execute and a good one fuses. See B. Jacob et al., Quantization and Training of
Neural Networks for Efficient Integer-Arithmetic-Only Inference, 2018.
"""

import platform
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray

from edge.artifact import SEAM_NAME
from export.graph.canonical import canonicalise

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
# Of the histogram of which entropy tries to keep 128, 129 and so on; twice as many (S. Migacz, 8-bit Inference with
# TensorRT, 2017) take onnxruntime a second for each activation.
ENTROPY_BINS = 1024


@dataclass(frozen=True)
class Scheme:
    """How a processor likes its numbers: whether activations carry a sign, and the bits of a weight.

    Both have whole numbers with sign for weights, a scale for each filter, and sums of 32 bits.
    """

    signed_activations: bool
    weight_bits: Literal[7, 8]

    def __str__(self) -> str:
        activations = "S8" if self.signed_activations else "U8"
        return f"{activations}S8, {self.weight_bits}-bit weights by filter, QDQ"


SCHEMES: dict[Target, Scheme] = {
    "arm": Scheme(signed_activations=True, weight_bits=8),
    # Without VNNI a processor adds two products of U8 and S8 in 16 bits, which overflow; with weights of seven
    # bits they cannot, so the file gives the same sums on every x86.
    "x86": Scheme(signed_activations=False, weight_bits=7),
}


def scheme_for(target: Literal["arm", "x86", "auto"]) -> Scheme:
    """Return the scheme for a processor; `auto` is that of this machine."""
    if target == "auto":
        target = "arm" if platform.machine().lower().startswith(("arm", "aarch")) else "x86"
    return SCHEMES[target]


def measure_ranges(
    network: onnx.ModelProto,
    arrays: Sequence[NDArray[np.float32]],
    calibration: Calibration,
    extremes: Any = None,
) -> Any:
    """Return the range of every activation, as onnxruntime keeps them, for pictures float32 [1, h, w, c].

    `extremes` are the ranges by `minmax`; they are measured where they are not given and needed.
    """
    if calibration != "minmax" and extremes is None:
        extremes = measure_ranges(network, arrays, "minmax")
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(StringIO()):  # onnxruntime says what it does
        calibrator = _calibrator(network, calibration, Path(folder))
        if extremes is not None:
            _spread_bins(calibrator, extremes)
        for array in arrays:  # one at a time, or all activations of all pictures would be in memory
            calibrator.collect_data(_Reader(array))
        return calibrator.compute_data()


def _calibrator(network: onnx.ModelProto, calibration: Calibration, folder: Path) -> Any:
    from onnxruntime.quantization.calibrate import CalibrationMethod, create_calibrator

    path = folder / "network.onnx"
    onnx.save(network, path)
    method, options = {
        "minmax": (CalibrationMethod.MinMax, {}),
        "percentile": (CalibrationMethod.Percentile, {"percentile": PERCENTILE}),
        "entropy": (CalibrationMethod.Entropy, {"num_bins": ENTROPY_BINS}),
    }[calibration]
    return create_calibrator(
        path,
        list(OPERATORS),
        augmented_model_path=str(folder / "augmented.onnx"),
        calibrate_method=method,
        extra_options=options,
    )


def _spread_bins(calibrator: Any, extremes: Any) -> None:
    """Let the bins of every histogram reach from one extreme to the other.

    onnxruntime makes them of the first picture: were it a black one, those that follow would need millions of bins as
    narrow. The extremes count once more than they are there, which is one number in as many as the pictures hold.
    """
    from onnxruntime.quantization.calibrate import HistogramCollector

    calibrator.collector = HistogramCollector(
        calibrator.method,
        calibrator.symmetric,
        calibrator.num_bins,
        calibrator.num_quantized_bins,
        calibrator.percentile,
        calibrator.scenario,
    )
    ends = {tensor: [end.item() for end in data.range_value] for tensor, data in extremes.items()}
    # 0 is among them, for the bins of sizes without a sign begin at the smallest.
    calibrator.collector.collect(
        {
            tensor: [np.array([0, *ends[tensor]], np.float32)]
            for tensor in sorted(calibrator.tensors_to_calibrate)
            if tensor in ends
        }
    )


class _Reader:
    """One picture, in the form in which onnxruntime asks for pictures."""

    def __init__(self, array: NDArray[np.float32]) -> None:
        self._feeds: Iterator[dict[str, NDArray[np.float32]]] = iter([{SEAM_NAME: array}])

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        return next(self._feeds, None)


def layers(network: onnx.ModelProto) -> list[str]:
    """Return the names of the nodes that have weights."""
    return [node.name for node in network.graph.node if node.op_type in ("Conv", "Gemm", "MatMul")]


def float_layers(network: onnx.ModelProto) -> tuple[str, ...]:
    """Return the names of the nodes of a network in eight bits whose weights are not."""
    dequantised = {node.output[0] for node in network.graph.node if node.op_type == "DequantizeLinear"}
    weights = {node.name: node.input[1] for node in network.graph.node if len(node.input) > 1}
    return tuple(name for name in layers(network) if weights[name] not in dequantised)


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
