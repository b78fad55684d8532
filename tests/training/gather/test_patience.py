"""How long is waited before a request is repeated, and who may ask for more than that."""

import pytest

from edge.errors import SourceError
from training.gather.patience import LONGEST_PAUSE_S, Patience
from training.gather.request import TryAgainError


def pauses(retries: int, delay_s: float, *failures: TryAgainError) -> list[float]:
    """The pauses until a request that fails so often is answered; none of them is really made."""
    made: list[float] = []
    left = iter(failures)

    def wait(seconds: float) -> bool:
        made.append(seconds)
        return False

    def request() -> str:
        if failure := next(left, None):
            raise failure
        return "answer"

    assert Patience(retries, delay_s, wait, lambda _: None).ask("http://host/", request) == "answer"
    return made


def test_a_delay_of_the_users_own_however_long_is_waited_for() -> None:
    assert pauses(2, 3600.0, TryAgainError("HTTP 500"), TryAgainError("HTTP 503", 7.0)) == [3600.0, 3600.0]


def test_only_the_server_may_put_it_off_for_good() -> None:
    with pytest.raises(SourceError, match="HTTP 503; the server wants to be asked again in 601 seconds"):
        pauses(2, 3600.0, TryAgainError("HTTP 503", 601.0))
    assert pauses(2, 0.0, TryAgainError("HTTP 503", 600.0)) == [600.0]


def test_pauses_grow_to_the_longest_and_stay_there_as_often_as_is_asked() -> None:
    made = pauses(1100, 0.0, *[TryAgainError("timed out")] * 1100)
    assert made[:7] == [1, 2, 4, 8, 16, 32, LONGEST_PAUSE_S]
    assert set(made[6:]) == {LONGEST_PAUSE_S}
