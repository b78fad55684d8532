"""Make a smaller variant of a network, and let it pass only if it answers as well as the float32 one.

It exists because rounding to eight or sixteen bits costs some networks nothing and others everything, and only
pictures that neither training nor calibration has seen can tell. A variant that loses more accuracy than is
allowed is made again with more care; if nothing helps, there is no variant.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray

from edge.errors import ModelError, ParityError
from edge.spec import Variant
from export.graph.answers import answers
from export.quantize import float16
from export.quantize.half_range import require_half_range
from export.quantize.int8 import Calibration, Scheme, float_layers, layers, measure_ranges, quantise
from export.quantize.sensitivity import most_sensitive

Arrays = NDArray[np.float32]

CALIBRATIONS: tuple[Calibration, ...] = ("minmax", "percentile", "entropy")


@dataclass(frozen=True)
class Examples:
    """What variants are judged by: `images` float32 [N, h, w, c] as the network gets them, and `targets` [N]."""

    images: Arrays
    targets: NDArray[np.int64]


@dataclass(frozen=True)
class Shrunk:
    """A variant that passed, its record, and sentences for the user on what else it does otherwise."""

    network: onnx.ModelProto
    record: Variant
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Candidate:
    """A variant to be judged: the network, how it was calibrated, and which of its layers are left in float32."""

    network: onnx.ModelProto
    calibration: str = ""
    float_layers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Gate:
    """What a variant of a kind and scheme must do to pass: lose no more than `max_drop_points` of 100 pictures."""

    kind: Literal["int8", "fp16"]
    scheme: str
    judged_by: Examples
    max_drop_points: float

    def __post_init__(self) -> None:
        if not len(self.judged_by.images):
            raise ParityError(
                f"there is no held-out image to judge {self.kind} by; train again with more held-out images"
            )

    def first_good(self, attempts: Iterable[Candidate], network: onnx.ModelProto) -> tuple[onnx.ModelProto, Variant]:
        """Return the first variant of `network` that passes, with its record. Raises ParityError if none does."""
        exact = answers(network, self.judged_by.images)
        records: list[Variant] = []
        for candidate in attempts:
            found = answers(candidate.network, self.judged_by.images)
            if not np.isfinite(found).all():
                continue  # no accuracy says how bad that is
            record = self._record(candidate, found, exact)
            if record.drop_points <= self.max_drop_points:
                return candidate.network, record
            records.append(record)
        raise ParityError(self._refusal(records))

    def _record(self, candidate: Candidate, found: Arrays, exact: Arrays) -> Variant:
        return Variant(
            kind=self.kind,
            scheme=self.scheme,
            calibration=candidate.calibration,
            float_layers=candidate.float_layers,
            images=len(exact),
            accuracy=self._accuracy(found),
            float32_accuracy=self._accuracy(exact),
            top1_agreement=float((found.argmax(axis=1) == exact.argmax(axis=1)).mean()),
            largest_difference=float(np.abs(found - exact).max()),
            max_drop_points=self.max_drop_points,
        )

    def _accuracy(self, probabilities: Arrays) -> float:
        return float((probabilities.argmax(axis=1) == self.judged_by.targets).mean())

    def _refusal(self, records: list[Variant]) -> str:
        if not records:
            return f"{self.kind} gives numbers that are not finite on the held-out images. Nothing was written"
        best = min(records, key=lambda record: record.drop_points)
        tried = f"; the best of {len(records)} attempts" if len(records) > 1 else ""
        return (
            f"{best.kind} loses {best.drop_points:.2f} points of accuracy on {best.images:,} held-out images{tried}; "
            f"the limit is {best.max_drop_points:g} (--max-drop). Nothing was written"
        )


def make_int8(
    network: onnx.ModelProto, scheme: Scheme, calibration: Arrays, judged_by: Examples, max_drop_points: float
) -> tuple[onnx.ModelProto, Variant]:
    """Return the network in eight bits with the record of its cost.

    `calibration` float32 [M, h, w, c] are pictures that were trained on. Raises ParityError if every attempt
    loses more than `max_drop_points` of 100 pictures, ModelError without calibration pictures.
    """
    if not len(calibration):
        raise ModelError("int8 needs pictures to calibrate on, and the run holds none; train it again")
    gate = Gate("int8", str(scheme), judged_by, max_drop_points)
    return gate.first_good(_int8_attempts(network, scheme, calibration), network)


def make_fp16(network: onnx.ModelProto, judged_by: Examples, max_drop_points: float) -> tuple[onnx.ModelProto, Variant]:
    """Return the network in half precision with the record of its cost.

    Raises ParityError as `make_int8`, and for numbers that half precision cannot hold.
    """
    gate = Gate("fp16", float16.SCHEME, judged_by, max_drop_points)
    require_half_range(network, judged_by.images)
    return gate.first_good([Candidate(float16.to_float16(network))], network)


def _int8_attempts(network: onnx.ModelProto, scheme: Scheme, calibration: Arrays) -> Iterator[Candidate]:
    """Yield variants with ever more care: three ways to calibrate, then 1, 2, 4, ... layers left in float32."""
    pictures = [calibration[i : i + 1] for i in range(len(calibration))]
    ranges: dict[Calibration, Any] = {}
    for method in CALIBRATIONS:
        ranges[method] = measure_ranges(network, pictures, method, ranges.get("minmax"))
        yield _quantised(network, ranges[method], scheme, method)
    ranked = most_sensitive(network, ranges["percentile"], scheme, calibration)
    count = 1
    while count <= len(layers(network)) // 2:
        yield _quantised(network, ranges["percentile"], scheme, "percentile", ranked[:count])
        count *= 2


def _quantised(
    network: onnx.ModelProto, ranges: Any, scheme: Scheme, method: Calibration, excluded: Iterable[str] = ()
) -> Candidate:
    made = quantise(network, ranges, scheme, excluded)
    return Candidate(made, method, float_layers(made))
