"""A model's guess for an item, which the space bar accepts."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.classifier import Classifier
from edge.errors import UsageError
from training.annotate.cutter import Cutter


@dataclass(frozen=True)
class Guess:
    """The most likely label, its probability, 0 to 1, and whether the model had rather said nothing."""

    label: str
    probability: float
    unsure: bool


class Suggester:
    """Guesses by the artifact at `path`. Raises ModelError or ModelNotFoundError, UsageError if it reads other things.

    It is shown what is labelled. A model that by itself looks for the same, as many glyphs and digits or not, cuts them
    alike, and its guess is the answer of `eyespot classify`.
    """

    def __init__(self, path: Path, cutter: Cutter) -> None:
        self._classifier = Classifier.load(path)
        regions = self._classifier.spec.regions
        asked = cutter.text.partition(":")[0]
        if regions and regions.kind != asked:
            raise UsageError(f"{path}: this model reads {regions.kind}, --regions asks for {asked}; name another model")

    def guess(self, crop: NDArray[np.uint8]) -> Guess:
        """Return the guess for uint8 RGB [H, W, 3]."""
        (best,), unsure = self._classifier.predict(crop, 1)
        return Guess(best.label, best.probability, unsure)
