"""Places: how many pictures are on their way, and whether they are few."""

import pytest

from serving.places import Places
from serving.problems import RequestError


def test_places_are_given_back_and_no_more_are_taken_than_there_are() -> None:
    seen: list[int] = []
    places = Places(3, seen.append)
    with places.take(2):
        with pytest.raises(RequestError, match="2 pictures are waiting and 3 may") as refused, places.take(2):
            pass
        with pytest.raises(RequestError, match="2 pictures are waiting and 3 may"):
            places.require(2)
        places.require()
        with places.take(1):
            assert places.taken == 3
    assert refused.value.status == 503
    assert seen == [2, 3, 2, 0]


def test_places_are_few_up_to_what_a_batch_takes() -> None:
    places = Places(100, lambda _: None)
    assert places.are_few
    with places.take(16):
        assert places.are_few
        with places.take(1):
            assert not places.are_few
