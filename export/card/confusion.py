"""Show what a model takes for what: the whole matrix of a few classes, the most frequent mistakes of many."""

from collections.abc import Iterable

from edge.spec import ClassCounts
from export.card.markup import Shaded, details, label, table

LARGEST_MATRIX = 20
CONFUSIONS_SHOWN = 20
WEAKEST_SHOWN = 10
# Longer labels stand on end above their columns.
UPRIGHT_LENGTH = 4


def show_confusion(counts: ClassCounts, labels: tuple[str, ...]) -> str:
    """Return the confusions and the classes as HTML."""
    parts = [_matrix(counts, labels)] if len(labels) <= LARGEST_MATRIX and counts.is_complete else []
    if counts.confusions and not parts:
        parts.append(_confusions(counts, labels))
    places = range(len(labels))
    everything = _classes("Every class", counts, labels, places)
    if len(labels) <= LARGEST_MATRIX:
        return f'<div class="side">{"".join([*parts, everything])}</div>'
    known = (place for place in places if counts.support[place])
    weakest = sorted(known, key=lambda place: counts.correct[place] / counts.support[place])[:WEAKEST_SHOWN]
    parts.append(_classes(f"The {len(weakest)} classes of which it finds the least", counts, labels, weakest))
    return "\n".join([*parts, details(f"All {len(labels):,} classes", everything)])


def _matrix(counts: ClassCounts, labels: tuple[str, ...]) -> str:
    places = range(len(labels))
    found = {(c.true, c.predicted): c.count for c in counts.confusions}
    found |= {(place, place): counts.correct[place] for place in places}

    def cell(true: int, predicted: int) -> Shaded:
        count = found.get((true, predicted), 0)
        kind = "none" if not count else "right" if true == predicted else "wrong"
        return Shaded(f"{count:,}", kind, count / max(counts.support[true], 1))

    def row(true: int) -> list[str | Shaded]:
        return [label(labels[true]), *(cell(true, predicted) for predicted in places)]

    head = ["shown", *(label(name) for name in labels)]
    caption = "Confusion matrix: a row for what images show, a column for what they were called"
    style = "matrix" if max(map(len, labels)) <= UPRIGHT_LENGTH else "matrix turned"
    return table(caption, head, map(row, places), style)


def _confusions(counts: ClassCounts, labels: tuple[str, ...]) -> str:
    most = counts.confusions[:CONFUSIONS_SHOWN]
    rows = (
        [label(labels[c.true]), label(labels[c.predicted]), f"{c.count:,}", f"{c.count / counts.support[c.true]:.1%}"]
        for c in most
    )
    caption = f"The {len(most)} most frequent confusions, of {counts.errors:,} mistakes"
    return table(caption, ["shows", "was called", "images", "of those that show it"], rows, "words")


def _classes(caption: str, counts: ClassCounts, labels: tuple[str, ...], places: Iterable[int]) -> str:
    rows = (
        [label(labels[i]), _share(counts.precision(i)), _share(counts.recall(i)), f"{counts.support[i]:,}"]
        for i in places
    )
    return table(caption, ["class", "precision", "recall", "images"], rows)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
