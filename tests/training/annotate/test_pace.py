"""The time left: by the median of the gaps between answers."""

from training.annotate.pace import FEWEST, LONGEST_S, REMEMBERED, Pace


def pace_after(*gaps_s: float) -> Pace:
    times = [100.0]
    for gap in gaps_s:
        times.append(times[-1] + gap)
    clock = iter(times)
    pace = Pace(lambda: next(clock))
    for _ in times:
        pace.answered()
    return pace


def test_nothing_is_said_from_too_few_answers() -> None:
    assert pace_after(*[1.0] * (FEWEST - 1)).seconds_for(10) is None
    assert pace_after(*[1.0] * FEWEST).seconds_for(10) == 10


def test_the_usual_gap_counts_and_pauses_do_not() -> None:
    assert pace_after(1, 2, 3, LONGEST_S + 1, 1000).seconds_for(7) == 14


def test_what_is_long_ago_is_forgotten() -> None:
    assert pace_after(*[9.0] * 20, *[1.0] * REMEMBERED).seconds_for(3) == 3
