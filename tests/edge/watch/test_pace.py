"""Which frames are wanted, against counting."""

import pytest

from edge.watch.pace import Pace


@pytest.mark.parametrize("every", [1, 2, 3, 10])
def test_every_nth_frame_is_wanted_from_the_first(every: int) -> None:
    pace = Pace(every)
    assert [n for n in range(100) if pace.wants(n, n / 30)] == list(range(0, 100, every))


@pytest.mark.parametrize(("fps", "most", "wanted"), [(30, 10, 100), (30, 7, 70), (30, 100, 300), (25, 10, 100)])
def test_the_rate_holds_on_average(fps: int, most: float, wanted: int) -> None:
    """Ten seconds of a camera."""
    pace = Pace(1, most)
    assert abs(sum(pace.wants(n, n / fps) for n in range(10 * fps)) - wanted) <= 1


def test_nothing_is_made_up_for_after_a_pause() -> None:
    pace = Pace(1, 10)
    assert pace.wants(0, 0.0)
    times = [100 + n / 100 for n in range(100)]
    assert sum(pace.wants(n, at) for n, at in enumerate(times, 1)) <= 12


def test_both_limits_hold() -> None:
    pace = Pace(3, 5)
    wanted = [n for n in range(300) if pace.wants(n, n / 30)]
    assert all(n % 3 == 0 for n in wanted)
    assert abs(len(wanted) - 50) <= 1
