"""Places: how many pictures are on their way, and whether one is the only one."""

import asyncio

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


@pytest.mark.parametrize(("requests", "pictures", "alone"), [(1, 1, True), (1, 2, False), (2, 1, False)])
def test_a_picture_is_alone_where_no_other_request_has_come_by_then(requests: int, pictures: int, alone: bool) -> None:
    async def ask(places: Places, answered: asyncio.Barrier) -> bool:
        with places.take(pictures):
            found = await places.is_alone()
            await answered.wait()
            return found

    async def ask_all() -> list[bool]:
        places, answered = Places(10, lambda _: None), asyncio.Barrier(requests)
        return await asyncio.gather(*(ask(places, answered) for _ in range(requests)))

    assert asyncio.run(ask_all()) == [alone] * requests
