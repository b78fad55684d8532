"""What a terminal shows, worked out by hand, in as many columns as it has."""

import pytest

from edge.answer import Answer
from edge.batch.progress import bar, clock, state
from edge.batch.row import Row
from edge.batch.tally import Tally
from edge.errors import ImageError


@pytest.fixture
def tally(monkeypatch: pytest.MonkeyPatch) -> Tally:
    """40 inputs in 8 seconds, all of which failed."""
    tally = Tally()
    for _ in range(40):
        tally.add(Row(Answer("a.png", None, ImageError("empty", "the file is empty")), None, None))
    monkeypatch.setattr(Tally, "seconds", 8.0)
    return tally


CELLS, STATE = f"[{'#' * 6}{'.' * 18}] ", "40 of 160, 40 failed, 5/s, 0:00:24 left"


def test_the_bar_says_how_far_and_what_is_not_known(tally: Tally) -> None:
    assert state(tally, None) == "40, 40 failed, 5/s, time left unknown"
    assert bar(tally, None, 99) == state(tally, None)
    assert bar(tally, 160, 99) == f"{CELLS} 25%  {STATE}"
    assert (clock(0), clock(59.6), clock(3_600 * 26 + 61)) == ("0:00:00", "0:01:00", "26:01:01")


def test_the_cells_go_first_where_columns_are_few(tally: Tally) -> None:
    whole = len(f"{CELLS} 25%  {STATE}")
    assert bar(tally, 160, whole) == f"{CELLS} 25%  {STATE}"
    assert bar(tally, 160, whole - 1) == f"25%  {STATE}"
    assert bar(tally, 160, len("25%  40 of 160")) == "25%  40 of 160"
    assert bar(tally, None, 13) == "40, 40 failed"
