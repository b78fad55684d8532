"""Choose what a report shows of a run, in one pass over its rows and in memory that grows with the classes only."""

import heapq
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from edge.batch.row import Row
from edge.classification import Prediction
from edge.regions.region import Box

SHOWN_PER_CLASS = 12
LEAST_CERTAIN = 24
SEED = 0  # the same rows give the same page


@dataclass(frozen=True, slots=True)
class Shown:
    """One thing to show: an image, or the part of it in `box`, with the best prediction for it.

    `best` is None for an image that holds no region. `text` is what the glyphs of the whole image read.
    """

    row: Row
    best: Prediction | None
    unsure: bool
    box: Box | None = None
    text: str | None = None


@dataclass
class Chosen:
    """A fair sample of each class, what is least certain, and a fair sample of the images without a region."""

    classes: dict[str, list[Shown]] = field(default_factory=dict)
    least_certain: list[Shown] = field(default_factory=list)
    without_regions: list[Shown] = field(default_factory=list)


class _Sample:
    """Algorithm R (J. Vitter, Random Sampling with a Reservoir, 1985)."""

    def __init__(self, chance: random.Random) -> None:
        self._chance, self._seen = chance, 0
        self._kept: list[tuple[int, Shown]] = []

    def add(self, index: int, shown: Shown) -> None:
        self._seen += 1
        place = len(self._kept) if len(self._kept) < SHOWN_PER_CLASS else self._chance.randrange(self._seen)
        self._kept[place : place + 1] = [(index, shown)] if place < SHOWN_PER_CLASS else []

    def in_order(self) -> list[Shown]:
        return [shown for _, shown in sorted(self._kept, key=lambda pair: pair[0])]


def choose(rows: Iterable[Row]) -> Chosen:
    """Return what to show, in the order of the run; the least certain first."""
    chance = random.Random(SEED)  # noqa: S311 # a sample, no secret
    samples: dict[str, _Sample] = {}
    without = _Sample(chance)
    doubtful: list[tuple[float, int, Shown]] = []
    for index, shown in enumerate(shown for row in rows for shown in _parts(row)):
        if shown.best is None:
            without.add(index, shown)
            continue
        samples.setdefault(shown.best.label, _Sample(chance)).add(index, shown)
        entry = (-shown.best.probability, -index, shown)
        heapq.heappush(doubtful, entry) if len(doubtful) < LEAST_CERTAIN else heapq.heappushpop(doubtful, entry)
    return Chosen(
        {label: sample.in_order() for label, sample in sorted(samples.items())},
        [shown for *_, shown in sorted(doubtful, key=lambda entry: entry[:2], reverse=True)],
        without.in_order(),
    )


def _parts(row: Row) -> Iterator[Shown]:
    """Yield what there is to show of a row: nothing of one that failed, each of its regions where there are any."""
    answered = row.answer.classification
    if answered is None:
        return
    if answered.regions is None:
        yield Shown(row, answered.predictions[0], answered.unsure)
    elif not answered.regions:
        yield Shown(row, None, answered.unsure)
    else:
        for region in answered.regions:
            yield Shown(row, region.predictions[0], region.unsure, region.box, answered.text)
