"""`RunStatistics`: the totals of a run, in memory that does not grow with the rows."""

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from edge.batch.rows import Row
from edge.result import printable

ROWS_FOR_SHARE = 100  # before these a share of failures stops no run
MATRIX_LABELS = 20  # with more labels there are the most frequent confusions instead


class RunStatistics:
    """Counts over all rows: best labels of images, or of regions in the `searched` ones; (true, best) pairs."""

    def __init__(self, true_labels: Sequence[str] = ()) -> None:
        self.rows = self.bytes = self.failed = self.unsure = self.searched = self.without_regions = 0
        self.labels, self.codes = Counter[str](), Counter[str]()
        self.confusion = Counter[tuple[str, str]]()
        self.true_labels = dict.fromkeys(true_labels)
        self.start_clock()

    def start_clock(self) -> None:
        """Start the count of rows that this process computes, and of its seconds."""
        self._rows_before, self._started_s = self.rows, time.monotonic()

    def add(self, row: Row) -> None:
        """Count a row."""
        self.rows += 1
        self.bytes += row.size_bytes or 0
        if row.error:
            self.failed += 1
            self.codes[row.error.code] += 1
        if found := row.classification:
            self.labels.update(predictions[0].label for predictions in found.answers)
            self.unsure += found.unsure
            self.searched += found.regions is not None
            self.without_regions += not found.answers
            if true := self.true_label(row.path):
                self.confusion[true, found.predictions[0].label] += 1

    def true_label(self, path: str) -> str | None:
        """Return the folder name of the file at `path`, in an archive too, if that is a label."""
        name = os.path.basename(os.path.dirname(path))
        return name if name in self.true_labels else None

    def too_many_failed(self, most: float | None, at_end: bool = False) -> bool:
        """Whether more than `most` have failed: an integer counts them, a float is a share of all rows."""
        if most is None or (isinstance(most, float) and self.rows < ROWS_FOR_SHARE and not at_end):
            return False
        return self.failed > (most * self.rows if isinstance(most, float) else most)

    def totals(self) -> str:
        """Return one line of totals: every input was classified or failed."""
        unsure = f" ({self.unsure:,} unsure)" if self.unsure else ""
        line = f"{_count(self.rows, 'input')}: {self.rows - self.failed:,} classified{unsure}, {self.failed:,} failed"
        if self.searched:
            without = _count(self.without_regions, "image")
            line += f"; {_count(self.labels.total(), 'region')}, {without} without"
        if labelled := self.confusion.total():
            right = sum(n for (true, best), n in self.confusion.items() if true == best)
            line += f"; accuracy {right / labelled:.2%} of {_count(labelled, 'labelled image')}"
        return line

    def tables(self) -> Iterator[tuple[str, list[list[str]]]]:
        """Yield the tables of the summary, each a title and rows."""
        total = self.labels.total()
        title = "classes of regions" if self.searched else "classes"
        yield title, [[name, f"{n:,}", f"{n / total:.1%}"] for name, n in self.labels.most_common()]
        yield "failures", [[code, f"{n:,}"] for code, n in self.codes.most_common()]
        seen = {name for pair in self.confusion for name in pair}
        labels = [name for name in self.true_labels if name in seen]
        if 0 < len(labels) <= MATRIX_LABELS:
            counts = [[true, *(f"{self.confusion[true, best]:,}" for best in labels)] for true in labels]
            yield "confusion matrix", [["true \\ predicted", *labels], *counts]
        elif labels:
            wrong = [[*pair, f"{n:,}"] for pair, n in self.confusion.most_common() if pair[0] != pair[1]]
            yield "most frequent confusions", [["true", "predicted", "images"], *wrong[:MATRIX_LABELS]]
        seconds, rows = time.monotonic() - self._started_s, self.rows - self._rows_before
        earlier = [["rows that were there", f"{self._rows_before:,}"]] if self._rows_before else []
        speed = [["inputs a second", f"{rows / max(seconds, 1e-9):,.1f}"], ["seconds", f"{seconds:,.1f}"]]
        yield "speed", [*speed, ["bytes", f"{self.bytes:,}"], *earlier]

    def as_text(self) -> str:
        """Return the whole summary for a terminal."""
        lines = [self.totals()]
        for title, rows in self.tables():
            table = [[printable(cell) for cell in row] for row in rows]
            widths = [max(map(len, column)) for column in zip(*table, strict=True)]
            lines += [f"{title}:"] if table else []
            for first, *others in table:
                cells = (f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True))
                lines.append("  ".join(["", f"{first:<{widths[0]}}", *cells]))
        return "\n".join(lines)


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s'[: count != 1]}"
