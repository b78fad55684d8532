"""What a run adds up to, against counting."""

import numpy as np
import pytest

from edge.batch.rows import Row
from edge.batch.statistics import RunStatistics
from edge.errors import ImageError
from edge.result import Classification, Prediction


def answered(label: str, path: str = "a", unsure: bool = False) -> Row:
    return Row(path, "ab", 10, Classification((Prediction(label, 0.9),), unsure), None)


def failed(code: str) -> Row:
    return Row("a", None, None, None, ImageError(code, "why"))


def of(*rows: Row, labels: tuple[str, ...] = ()) -> RunStatistics:
    statistics = RunStatistics(labels)
    for row in rows:
        statistics.add(row)
    return statistics


def test_totals_add_up() -> None:
    found = of(answered("cat"), answered("dog", unsure=True), answered("cat"), failed("corrupt"), failed("empty"))
    assert found.totals() == "5 inputs: 3 classified (1 unsure), 2 failed"
    assert (found.labels, found.codes, found.bytes) == ({"cat": 2, "dog": 1}, {"corrupt": 1, "empty": 1}, 30)
    lines = [" ".join(line.split()) for line in found.as_text().splitlines()]
    assert lines[1:7] == ["classes:", "cat 2 66.7%", "dog 1 33.3%", "failures:", "corrupt 1", "empty 1"]


def test_accuracy_and_confusion_are_those_of_counting() -> None:
    labels = ("cat", "dog", "panda")
    random = np.random.default_rng(0)
    true, best = random.integers(0, 3, 500), random.integers(0, 3, 500)
    rows = [answered(labels[b], f"x.zip!/{labels[t]}/{i}.png") for i, (t, b) in enumerate(zip(true, best, strict=True))]
    found = of(*rows, answered("cat", "elsewhere/1.png"), failed("empty"), labels=labels)
    assert f"accuracy {(true == best).mean():.2%} of 500 labelled images" in found.totals()
    (table,) = (table for title, table in found.tables() if title == "confusion matrix")
    assert [row[1:] for row in table[1:]] == [
        [str(np.sum((true == t) & (best == b))) for b in range(3)] for t in range(3)
    ]


@pytest.mark.parametrize(
    ("good", "bad", "most", "now", "at_end"),
    [
        (0, 2, 2, False, False),
        (0, 3, 2, True, True),
        (0, 1, 0, True, True),
        (0, 999, None, False, False),
        (0, 10, 0.025, False, True),  # a share waits for a hundred rows
        (195, 5, 0.025, False, False),
        (194, 6, 0.025, True, True),
    ],
)
def test_too_many_failures(good: int, bad: int, most: float | None, now: bool, at_end: bool) -> None:
    found = of(*[answered("cat")] * good, *[failed("empty")] * bad)
    assert (found.too_many_failed(most), found.too_many_failed(most, at_end=True)) == (now, at_end)
