"""Bound inputs against plain runs. They are bound to the processor here: there is no GPU to prove the rest on."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from edge.runtime import create_session
from serving.bound_session import BoundSession
from serving.split import split_model
from tests.conftest import tiny_probabilities


@pytest.fixture
def bound(tiny_content: bytes) -> BoundSession:
    return BoundSession(create_session(split_model(tiny_content, "m").network, "m", 1), "cpu")


def batch(levels: list[int]) -> dict[str, np.ndarray]:
    rows = np.array(levels, np.float32)[:, None, None, None] / 255
    return {"network_input": np.broadcast_to(rows, (len(levels), 4, 4, 1))}  # not contiguous, and not to be written to


def test_answers_are_those_of_numpy_for_every_size_and_again(bound: BoundSession) -> None:
    for levels in ([10], [10, 200], [60, 128, 240, 5], [200, 10], [77]):
        (found,) = bound.run(["probabilities"], batch(levels))
        np.testing.assert_allclose(found, [tiny_probabilities(level) for level in levels], rtol=0, atol=1e-6)


def test_an_answer_is_not_overwritten_by_the_next_one(bound: BoundSession) -> None:
    (first,) = bound.run(["probabilities"], batch([10, 20]))
    kept = first.copy()
    bound.run(["probabilities"], batch([250, 240]))
    assert np.array_equal(first, kept)


def test_threads_do_not_mix_their_answers(bound: BoundSession) -> None:
    levels = [int(level) for level in np.random.default_rng(0).integers(0, 256, 200)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda level: bound.run(["probabilities"], batch([level]))[0][0], levels))
    np.testing.assert_allclose(found, [tiny_probabilities(level) for level in levels], rtol=0, atol=1e-6)
