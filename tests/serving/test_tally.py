"""The tally against the client's own counting: what is written is the same text."""

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from serving.metrics import SECONDS
from serving.tally import Tally

VALUES = [0.0, 0.0005, 0.00050001, 0.003, 0.003, 30.0, 31.0, 1e9]


def series(registry: CollectorRegistry) -> tuple[Counter, Histogram]:
    counter = Counter("answers", "Answers", ["status"], registry=registry).labels("200")
    histogram = Histogram("seconds", "Time", ["route"], buckets=SECONDS, registry=registry).labels("/")
    return counter, histogram


def shown(registry: CollectorRegistry) -> list[str]:
    """The samples, but for the moments at which the series were made."""
    return [line for line in generate_latest(registry).decode().splitlines() if "_created" not in line]


@pytest.mark.parametrize("writes", [1, 2])
def test_what_is_written_is_what_counting_at_once_gives(writes: int) -> None:
    ours, theirs, tally = CollectorRegistry(), CollectorRegistry(), Tally()
    counter, histogram = series(ours)
    expected_counter, expected_histogram = series(theirs)
    for _ in range(writes):
        before = shown(ours)
        for value in VALUES:
            tally.count(counter)
            tally.observe(histogram, value)
            expected_counter.inc()
            expected_histogram.observe(value)
        assert shown(ours) == before
        tally.write()
        assert shown(ours) == shown(theirs)
    tally.write()
    assert shown(ours) == shown(theirs)
