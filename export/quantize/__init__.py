"""Smaller variants of a network, in eight or sixteen bits, and the accuracy gate that each must pass.

Rounding to eight or sixteen bits costs some networks nothing and others everything, and only pictures that were not
used for calibration can tell. With labels a variant is judged by its accuracy, without by how often it gives the label
that the float32 network gives. An int8 variant that loses more than is allowed is made again with its most sensitive
layers in float32; if nothing helps, there is no variant.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import onnx
from numpy.typing import NDArray

from edge.errors import ModelError, ParityError
from edge.spec import Variant
from export.evaluation import accuracy_of
from export.graph.session import answers
from export.quantize import float16
from export.quantize.int8 import SCHEMES, Target, careful_exclusions, float_layers, measure_ranges, quantise


@dataclass(frozen=True)
class Examples:
    """What variants are judged by: `images` float32 [N, h, w, c] as the network gets them, and `targets` [N].

    Without labels `targets` is None. `max_drop_points` is how many of 100 pictures a variant may lose.
    """

    images: NDArray[np.float32]
    targets: NDArray[np.int64] | None
    max_drop_points: float = 0.5


@dataclass(frozen=True)
class Made:
    """A variant that passed the gate, with the record of its cost.

    `probabilities` [N, classes] are its answers for the examples, `float32_probabilities` those of the network.
    """

    network: onnx.ModelProto
    record: Variant
    probabilities: NDArray[np.float32]
    float32_probabilities: NDArray[np.float32]


def make_int8(network: onnx.ModelProto, target: Target, calibration: NDArray[np.float32], judged_by: Examples) -> Made:
    """Return the network in eight bits with the record of its cost.

    `calibration` float32 [M, h, w, c] are other pictures than those to judge by. Raises ParityError if every attempt
    loses too much, ModelError without calibration pictures.
    """
    if not len(calibration):
        raise ModelError("int8 needs pictures to calibrate on and there is none; give some with --images")
    scheme = SCHEMES[target]

    def attempts() -> Iterator[onnx.ModelProto]:
        ranges = measure_ranges(network, calibration[:, None])
        yield quantise(network, ranges, scheme)
        for excluded in careful_exclusions(network, ranges, scheme, calibration):
            yield quantise(network, ranges, scheme, excluded)

    return _first_good("int8", str(scheme), attempts(), network, judged_by)


def make_fp16(network: onnx.ModelProto, judged_by: Examples) -> Made:
    """Return the network in half precision with the record of its cost.

    Raises ParityError as `make_int8`, and for numbers that half precision cannot hold.
    """
    if len(judged_by.images):
        float16.require_half_range(network, judged_by.images)
    return _first_good("fp16", float16.SCHEME, [float16.to_float16(network)], network, judged_by)


def _first_good(
    kind: Literal["int8", "fp16"],
    scheme: str,
    attempts: Iterable[onnx.ModelProto],
    network: onnx.ModelProto,
    judged_by: Examples,
) -> Made:
    """Return the first of `attempts` that loses no more than is allowed, with its record."""
    images, targets = judged_by.images, judged_by.targets
    if not len(images):
        raise ParityError(f"there is no picture to judge {kind} by; give some with --images")
    exact = answers(network, images)
    records: list[Variant] = []
    for candidate in attempts:
        found = answers(candidate, images)
        if not np.isfinite(found).all():
            continue
        record = Variant(
            kind=kind,
            scheme=scheme,
            calibration="minmax" if kind == "int8" else "",
            float_layers=tuple(layer.name for layer in float_layers(candidate)) if kind == "int8" else (),
            images=len(images),
            accuracy=None if targets is None else accuracy_of(found, targets),
            float32_accuracy=None if targets is None else accuracy_of(exact, targets),
            top1_agreement=accuracy_of(found, exact.argmax(axis=1)),
            largest_difference=float(np.abs(found - exact).max()),
            max_drop_points=judged_by.max_drop_points,
        )
        if record.drop_points <= record.max_drop_points:
            return Made(candidate, record, found, exact)
        records.append(record)
    if not records:
        raise ParityError(f"{kind} gives numbers that are not finite on the pictures to judge by. Nothing was written")
    best = min(records, key=lambda record: record.drop_points)
    lost = f"{best.drop_points:.2f}"
    what = f"gives {lost} % of the labels otherwise" if targets is None else f"loses {lost} points of accuracy"
    raise ParityError(
        f"{kind} {what}, on {best.images:,} pictures, in the best of {len(records)} attempts; the limit is "
        f"{best.max_drop_points:g} (--max-drop). Nothing was written"
    )


def describe_unsure(made: Made, targets: NDArray[np.int64] | None, threshold: float) -> str:
    """Return a sentence on how many pictures a variant and its network answer, and how many of these correctly.

    Below `threshold`, which was chosen for float32, an answer is unsure; rounding moves probabilities.
    """
    said = []
    for probabilities in (made.probabilities, made.float32_probabilities):
        answered = probabilities.max(axis=1) >= threshold
        share = f"{answered.mean():.2%}"
        if targets is not None and answered.any():
            share += f" ({accuracy_of(probabilities[answered], targets[answered]):.2%} of them correctly)"
        said.append(share)
    return (
        f"the threshold {threshold:.2%}, below which the model is unsure, was chosen for float32; of the pictures the "
        f"variant answers {said[0]}, float32 {said[1]}"
    )
