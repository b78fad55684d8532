"""What a model says of one image: predictions with their probabilities, and what is to be said about them.

It exists apart from the classifier so that whoever reads, writes or shows answers loads no model's runtime.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.spec import ModelSpec

if TYPE_CHECKING:
    from edge.regions.region import Region


@dataclass(frozen=True)
class Prediction:
    """One label and its probability, 0 to 1."""

    label: str
    probability: float


@dataclass(frozen=True)
class Classification:
    """The answer for one image: predictions from the most to the least likely, and what is to be said about them.

    `unsure` says that the best of them is below the threshold under which the model's makers, or the caller, want
    no answer. The note is the decoder's, and that of the search for regions.

    A model of regions answers for each region: `predictions` is empty, `regions` holds one answer for each face or
    glyph, from left to right, and is empty where there is none; `unsure` says that one of them is. For glyphs, `text`
    is what they read together; it is None, the note says why and `unsure` is set, where their number is not that of
    the model. For a model of whole pictures `regions` and `text` are None.
    """

    predictions: tuple[Prediction, ...]
    note: str | None
    unsure: bool
    regions: "tuple[Region, ...] | None" = None
    text: str | None = None

    @property
    def answers(self) -> tuple[tuple[Prediction, ...], ...]:
        """The predictions for whatever was classified: those of every region, or the one of the whole picture."""
        return (self.predictions,) if self.regions is None else tuple(region.predictions for region in self.regions)


def rank(labels: Sequence[str], probabilities: NDArray[np.float32], top_k: int | None) -> tuple[Prediction, ...]:
    """Return the `top_k` best of one row of probabilities [classes]; equal ones stay in the order of the labels."""
    order = np.argsort(-probabilities, kind="stable")[:top_k]
    # The shortest text of a float32 is an exact and readable float64.
    return tuple(Prediction(labels[i], float(str(probabilities[i]))) for i in order)


def judge(
    labels: Sequence[str], probabilities: NDArray[np.float32], threshold: float, top_k: int | None
) -> tuple[tuple[Prediction, ...], bool]:
    """Return what `rank` does, and whether that is unsure: the best of them is below the `threshold`, 0 to 1."""
    predictions = rank(labels, probabilities, top_k)
    return predictions, predictions[0].probability < threshold


def conclude(
    spec: ModelSpec, probabilities: NDArray[np.float32], top_k: int | None, note: str | None
) -> Classification:
    """Return what one row of probabilities [classes] means: ranked, and unsure where the model had better say so."""
    predictions, unsure = judge(spec.labels, probabilities, spec.abstain_below or 0.0, top_k)
    return Classification(predictions, note, unsure)
