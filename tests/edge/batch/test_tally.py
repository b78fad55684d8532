"""What a run adds up to, against counting and NumPy's percentiles."""

import numpy as np
import pytest

from edge.answer import Answer
from edge.batch.max_failures import MaxFailures, parse_max_failures
from edge.batch.row import Row
from edge.batch.summary import as_text, totals
from edge.batch.tally import Tally
from edge.classification import Classification, Prediction
from edge.errors import ImageError


def answered(label: str, seconds: float = 0.1, unsure: bool = False) -> Row:
    return Row(Answer("a", Classification((Prediction(label, 0.9),), None, unsure), None), "ab", 10, seconds)


def failed(code: str) -> Row:
    return Row(Answer("a", None, ImageError(code, "why")), None, None, 0.1)


def tallied(*rows: Row) -> Tally:
    tally = Tally()
    for row in rows:
        tally.add(row)
    return tally


def test_totals_add_up() -> None:
    tally = tallied(answered("cat"), answered("dog", unsure=True), answered("cat"), failed("corrupt"), failed("empty"))
    assert totals(tally) == "5 inputs: 3 classified (1 unsure), 2 failed"
    assert (tally.labels, tally.codes) == ({"cat": 2, "dog": 1}, {"corrupt": 1, "empty": 1})
    assert tally.bytes == 30
    lines = as_text(tally).splitlines()
    assert [" ".join(line.split()) for line in lines[1:7]] == [
        *("classes:", "cat 2 66.7%", "dog 1 33.3%", "failures:", "corrupt 1", "empty 1"),
    ]


def test_percentiles_are_those_of_numpy_within_the_width_of_a_class() -> None:
    seconds = np.random.default_rng(0).lognormal(-5, 1, 20_000)
    tally = tallied(*(answered("cat", second) for second in seconds))
    for share in (0.01, 0.5, 0.95, 0.99, 1.0):
        assert tally.latency_s(share) == pytest.approx(np.quantile(seconds, share, method="inverted_cdf"), rel=0.006)


def test_rows_that_were_there_count_but_not_for_speed() -> None:
    tally = tallied(answered("cat"))
    tally.keep(answered("dog", seconds=99.0))
    assert (tally.rows, tally.computed) == (2, 1)
    assert tally.latency_s(1.0) == pytest.approx(0.1, rel=0.006)


def test_nothing_was_there_only_if_no_input_led_anywhere() -> None:
    assert tallied(failed("not_found"), failed("unreadable")).nothing_was_there
    assert not tallied(failed("not_found"), failed("corrupt")).nothing_was_there
    assert not tallied(failed("not_found"), answered("cat")).nothing_was_there


def test_max_failures_as_a_number_is_passed_by_one_more() -> None:
    limit = parse_max_failures("2")
    assert not limit.passed(tallied(*[failed("empty")] * 2))
    assert limit.passed(tallied(*[failed("empty")] * 3))
    assert parse_max_failures("0").passed(tallied(failed("empty")))
    assert not MaxFailures().passed(tallied(*[failed("empty")] * 999))


def test_max_failures_as_a_share_waits_for_a_hundred_rows_or_the_end() -> None:
    limit = parse_max_failures("2.5%")
    few = tallied(*[failed("empty")] * 10)
    assert (limit.passed(few), limit.passed(few, at_end=True)) == (False, True)
    assert not limit.passed(tallied(*[answered("cat")] * 195, *[failed("empty")] * 5))
    assert limit.passed(tallied(*[answered("cat")] * 194, *[failed("empty")] * 6))


@pytest.mark.parametrize("text", ["", "-1", "x", "%", "101%", "-1%", "nan%", "1.5"])
def test_max_failures_of_other_kinds_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"invalid literal|could not convert|-1|101%|nan%"):
        parse_max_failures(text)
