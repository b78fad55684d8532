"""Make a smaller variant of a network, and let it pass only if it answers as well as the float32 one.

Rounding to eight or sixteen bits costs some networks nothing and others everything, and only pictures that were not
used for calibration can tell. With labels it is judged by its accuracy, without by how often it gives the label that
the float32 network gives. An int8 variant that loses more than is allowed is made again with its most sensitive layers
in float32; if nothing helps, there is no variant.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import onnx
from numpy.typing import NDArray

from edge.errors import ModelError, ParityError
from edge.spec import Variant
from export.graph.session import answers
from export.quantize import float16
from export.quantize.int8 import SCHEMES, Target, careful_exclusions, float_layers, measure_ranges, quantise

Arrays = NDArray[np.float32]
MAX_DROP_POINTS = 0.5


@dataclass(frozen=True)
class VariantOptions:
    """Eight bits for a kind of processor, or sixteen; and what accuracy may be lost, in points of 100."""

    kind: Literal["int8", "fp16"]
    target: Literal["arm", "x86", "x86-vnni", "auto"] = "auto"
    max_drop_points: float = MAX_DROP_POINTS


@dataclass(frozen=True)
class Examples:
    """What variants are judged by: `images` float32 [N, h, w, c] as the network gets them, and `targets` [N].

    Without labels `targets` is None.
    """

    images: Arrays
    targets: NDArray[np.int64] | None


@dataclass(frozen=True)
class Gate:
    """What a variant of a kind and scheme must do to pass: lose no more than `max_drop_points` of 100 pictures."""

    kind: Literal["int8", "fp16"]
    scheme: str
    judged_by: Examples
    max_drop_points: float

    def first_good(
        self, attempts: Iterable[tuple[onnx.ModelProto, str]], network: onnx.ModelProto
    ) -> tuple[onnx.ModelProto, Variant]:
        """Return the first variant of `network` that passes, with its record. Raises ParityError if none does.

        `attempts` are networks, each with how it was calibrated.
        """
        if not len(self.judged_by.images):
            raise ParityError(f"there is no picture to judge {self.kind} by; give some with --images")
        exact = answers(network, self.judged_by.images)
        records: list[Variant] = []
        for candidate, calibration in attempts:
            found = answers(candidate, self.judged_by.images)
            if not np.isfinite(found).all():
                continue  # no accuracy says how bad that is
            record = self._record(candidate, calibration, found, exact)
            if record.drop_points <= self.max_drop_points:
                return candidate, record
            records.append(record)
        raise ParityError(self._refusal(records))

    def _record(self, candidate: onnx.ModelProto, calibration: str, found: Arrays, exact: Arrays) -> Variant:
        return Variant(
            kind=self.kind,
            scheme=self.scheme,
            calibration=calibration,
            float_layers=float_layers(candidate) if self.kind == "int8" else (),
            images=len(exact),
            accuracy=self._accuracy(found),
            float32_accuracy=self._accuracy(exact),
            top1_agreement=float((found.argmax(axis=1) == exact.argmax(axis=1)).mean()),
            largest_difference=float(np.abs(found - exact).max()),
            max_drop_points=self.max_drop_points,
        )

    def _accuracy(self, probabilities: Arrays) -> float | None:
        targets = self.judged_by.targets
        return None if targets is None else float((probabilities.argmax(axis=1) == targets).mean())

    def _refusal(self, records: list[Variant]) -> str:
        if not records:
            return f"{self.kind} gives numbers that are not finite on the pictures to judge by. Nothing was written"
        best = min(records, key=lambda record: record.drop_points)
        tried = f"; the best of {len(records)} attempts" if len(records) > 1 else ""
        lost = f"{best.drop_points:.2f}"
        what = f"loses {lost} points of accuracy" if best.accuracy else f"gives {lost} % of the labels otherwise"
        return (
            f"{best.kind} {what}, on {best.images:,} pictures{tried}; "
            f"the limit is {best.max_drop_points:g} (--max-drop). Nothing was written"
        )


def make_int8(
    network: onnx.ModelProto, target: Target, calibration: Arrays, judged_by: Examples, max_drop_points: float
) -> tuple[onnx.ModelProto, Variant]:
    """Return the network in eight bits with the record of its cost.

    `calibration` float32 [M, h, w, c] are other pictures than those to judge by. Raises ParityError if every attempt
    loses more than `max_drop_points` of 100 pictures, ModelError without calibration pictures.
    """
    if not len(calibration):
        raise ModelError("int8 needs pictures to calibrate on and there is none; give some with --images")
    gate = Gate("int8", str(SCHEMES[target]), judged_by, max_drop_points)
    return gate.first_good(_int8_attempts(network, target, calibration), network)


def make_fp16(network: onnx.ModelProto, judged_by: Examples, max_drop_points: float) -> tuple[onnx.ModelProto, Variant]:
    """Return the network in half precision with the record of its cost.

    Raises ParityError as `make_int8`, and for numbers that half precision cannot hold.
    """
    gate = Gate("fp16", float16.SCHEME, judged_by, max_drop_points)
    if len(judged_by.images):
        float16.require_half_range(network, judged_by.images)
    return gate.first_good([(float16.to_float16(network), "")], network)


def _int8_attempts(
    network: onnx.ModelProto, target: Target, calibration: Arrays
) -> Iterator[tuple[onnx.ModelProto, str]]:
    """Yield the whole network in eight bits, then with ever more layers left in float32."""
    scheme = SCHEMES[target]
    ranges = measure_ranges(network, (calibration[i : i + 1] for i in range(len(calibration))))
    yield quantise(network, ranges, scheme), "minmax"
    for excluded in careful_exclusions(network, ranges, scheme, calibration):
        yield quantise(network, ranges, scheme, excluded), "minmax"


def describe_unsure(variant: onnx.ModelProto, network: onnx.ModelProto, examples: Examples, below: float) -> str:
    """Return a sentence on how many pictures `variant` and `network` answer, and how many of these rightly.

    Below the probability `below`, which was chosen for float32, an answer is unsure; rounding moves probabilities.
    """
    said = []
    for model in (variant, network):
        probabilities = answers(model, examples.images)
        answered = probabilities.max(axis=1) >= below
        share = f"{answered.mean():.2%}"
        if examples.targets is not None and answered.any():
            right = probabilities.argmax(axis=1) == examples.targets
            share += f" ({right[answered].mean():.2%} of them rightly)"
        said.append(share)
    return (
        f"below {below:.2%} the model is unsure, as was chosen for float32; of the pictures the variant answers "
        f"{said[0]}, float32 {said[1]}"
    )
