"""Make a smaller variant of a network, and let it pass only if it answers as well as the float32 one.

It exists because rounding to eight or sixteen bits costs some networks nothing and others everything, and only
pictures that neither training nor calibration has seen can tell. A variant that loses more accuracy than is
allowed is made again with more care; if nothing helps, there is no variant.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import onnx
from numpy.typing import NDArray

from edge.errors import ModelError, ParityError
from edge.spec import Variant
from export import float16
from export.answers import answers
from export.int8 import Calibration, Scheme, layers, measure_ranges, quantise
from export.sensitivity import most_sensitive

Arrays = NDArray[np.float32]

CALIBRATIONS: tuple[Calibration, ...] = ("minmax", "percentile", "entropy")


@dataclass(frozen=True)
class Examples:
    """What variants are judged by: `images` float32 [N, h, w, c] as the network gets them, and `targets` [N]."""

    images: Arrays
    targets: NDArray[np.int64]


@dataclass(frozen=True)
class Candidate:
    """A variant to be judged: the network, how it was calibrated, and which layers it left in float32."""

    network: onnx.ModelProto
    calibration: str = ""
    float_layers: tuple[str, ...] = ()


def make_int8(
    network: onnx.ModelProto, scheme: Scheme, calibration: Arrays, judged_by: Examples, max_drop_points: float
) -> tuple[onnx.ModelProto, Variant]:
    """Return the network in eight bits with the record of its cost.

    `calibration` float32 [M, h, w, c] are pictures that were trained on. Raises ParityError if every attempt
    loses more than `max_drop_points` of 100 pictures, ModelError without calibration pictures.
    """
    if not len(calibration):
        raise ModelError("int8 needs pictures to calibrate on, and the run holds none; train it again")
    attempts = _int8_attempts(network, scheme, calibration)
    return _first_good(attempts, "int8", str(scheme), network, judged_by, max_drop_points)


def make_fp16(network: onnx.ModelProto, judged_by: Examples, max_drop_points: float) -> tuple[onnx.ModelProto, Variant]:
    """Return the network in half precision with the record of its cost. Raises ParityError as `make_int8`."""
    attempts = iter([Candidate(float16.to_float16(network))])
    return _first_good(attempts, "fp16", float16.SCHEME, network, judged_by, max_drop_points)


def _int8_attempts(network: onnx.ModelProto, scheme: Scheme, calibration: Arrays) -> Iterator[Candidate]:
    """Yield variants with ever more care: three ways to calibrate, then 1, 2, 4, ... layers left in float32."""
    pictures = [calibration[i : i + 1] for i in range(len(calibration))]
    for method in CALIBRATIONS:
        ranges = measure_ranges(network, pictures, method)
        yield Candidate(quantise(network, ranges, scheme), method)
    ranges = measure_ranges(network, pictures, "percentile")
    ranked = most_sensitive(network, ranges, scheme, calibration)
    count = 1
    while count <= len(layers(network)) // 2:
        excluded = tuple(ranked[:count])
        yield Candidate(quantise(network, ranges, scheme, excluded), "percentile", excluded)
        count *= 2


def _first_good(
    attempts: Iterable[Candidate],
    kind: Literal["int8", "fp16"],
    scheme: str,
    network: onnx.ModelProto,
    judged_by: Examples,
    max_drop_points: float,
) -> tuple[onnx.ModelProto, Variant]:
    if not len(judged_by.images):
        raise ParityError(f"there is no held-out image to judge {kind} by; train again with more held-out images")
    exact = answers(network, judged_by.images)
    records: list[Variant] = []
    for candidate in attempts:
        found = answers(candidate.network, judged_by.images)
        record = Variant(
            kind=kind,
            scheme=scheme,
            calibration=candidate.calibration,
            float_layers=candidate.float_layers,
            images=len(exact),
            accuracy=_accuracy(found, judged_by),
            float32_accuracy=_accuracy(exact, judged_by),
            top1_agreement=float((found.argmax(axis=1) == exact.argmax(axis=1)).mean()),
            largest_difference=float(np.abs(found - exact).max()),
            max_drop_points=max_drop_points,
        )
        if record.drop_points <= max_drop_points:
            return candidate.network, record
        records.append(record)
    raise ParityError(_refusal(records))


def _accuracy(probabilities: Arrays, examples: Examples) -> float:
    return float((probabilities.argmax(axis=1) == examples.targets).mean())


def _refusal(records: list[Variant]) -> str:
    best = min(records, key=lambda record: record.drop_points)
    tried = f"; the best of {len(records)} attempts" if len(records) > 1 else ""
    return (
        f"{best.kind} loses {best.drop_points:.2f} points of accuracy on {best.images:,} held-out images{tried}; "
        f"the limit is {best.max_drop_points:g} (--max-drop). Nothing was written"
    )
