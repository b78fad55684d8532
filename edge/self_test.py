"""Replay the samples inside an artifact on this device.

It exists because the same file can answer differently on another processor, with another runtime or after
a bad copy, and the owner of a device should be able to know in a second.
"""

import base64
from dataclasses import dataclass

import numpy as np

from edge.classifier import Classifier
from edge.decode import decode_image
from edge.errors import ModelError, ParityError


@dataclass(frozen=True)
class SelfTestResult:
    """What a replay found: the largest difference of a probability, and the sample it was found on."""

    samples: int
    largest_difference: float
    worst_sample: str
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether the difference is within the tolerance; a difference that is not a number is not."""
        return self.largest_difference <= self.tolerance


def replay_self_test(classifier: Classifier) -> SelfTestResult:
    """Return how far `classifier` is, here, from its samples' probabilities. Raises ModelError without samples."""
    self_test = classifier.spec.self_test
    if self_test is None:
        raise ModelError(f"{classifier.spec.name}: the file holds no self-test samples")
    differences: list[tuple[float, str]] = []
    for sample in self_test.samples:
        try:
            pixels = decode_image(base64.b64decode(sample.png, validate=True)).pixels
        except ValueError as error:  # ImageError is one as well
            raise ModelError(
                f"{classifier.spec.name}: the self-test sample {sample.name!r} is no picture ({error})"
            ) from None
        found = classifier.probabilities(pixels[None])[0].astype(np.float64)
        differences.append((float(np.abs(found - np.array(sample.probabilities)).max()), sample.name))
    largest, worst = max(differences, key=lambda pair: np.nan_to_num(pair[0], nan=np.inf))
    return SelfTestResult(len(differences), largest, worst, self_test.tolerance)


def require_self_test(classifier: Classifier, source: str) -> SelfTestResult:
    """Return the result of a replay that passed; `source` names the file. Raises ParityError for one that did not."""
    result = replay_self_test(classifier)
    if not result.passed:
        known = "the original network did" if classifier.spec.variant is None else "it did at its export"
        raise ParityError(
            f"{source}: it does not answer here as {known} ({result.worst_sample}: largest difference "
            f"{result.largest_difference:.1e}, limit {result.tolerance:.0e})"
        )
    return result
