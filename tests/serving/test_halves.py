"""Halves: fixed sizes, padding, and networks that cannot bear a batch, which get their pictures one by one."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from edge.errors import ModelError
from serving.halves import Halves, load_halves, warm_up
from tests.conftest import tiny_probabilities
from tests.edge.artifacts import mixing, single

LEVELS = (10, 128, 240, 60, 200)


def load(content: bytes, max_batch: int = 16) -> Halves:
    return warm_up(load_halves(content, "m.onnx", "cpu", 1, max_batch), "m.onnx")


def tensors(halves: Halves) -> list[np.ndarray]:
    return [halves.prepare(np.full((5, 6, 3), level, np.uint8)) for level in LEVELS]


@pytest.mark.parametrize(
    ("max_batch", "sizes"), [(1, (1,)), (2, (1, 2)), (5, (1, 2, 4)), (16, (1, 2, 4, 8, 16)), (31, (1, 2, 4, 8, 16))]
)
def test_sizes_are_powers_of_two_up_to_the_limit(tiny_content: bytes, max_batch: int, sizes: tuple[int, ...]) -> None:
    assert load(tiny_content, max_batch).sizes == sizes


def test_an_incomplete_batch_is_filled_up(tiny_content: bytes) -> None:
    halves = load(tiny_content)
    seen: list[int] = []

    class Watched:
        def run(self, outputs: list[str], feeds: dict[str, np.ndarray]) -> Any:
            seen.append(len(feeds["network_input"]))
            return halves.network.run(outputs, feeds)

    found = replace(halves, network=Watched()).answer(tensors(halves))
    np.testing.assert_allclose(found, [tiny_probabilities(level) for level in LEVELS], rtol=0, atol=1e-6)
    assert seen == [8]


@pytest.mark.parametrize(
    ("change", "reason"),
    [(mixing, "an answer depends on the other pictures of its batch"), (single, "Reshape")],
    ids=["a batch is mixed", "one picture only"],
)
def test_a_network_that_cannot_bear_a_batch_gets_pictures_one_by_one(
    tiny_content: bytes, change: Any, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    halves = load(change(tiny_content))
    assert halves.sizes == (1,)
    assert "m.onnx: pictures go through it one by one" in caplog.text
    assert reason in caplog.text
    found = [halves.answer([tensor])[0] for tensor in tensors(halves)]
    np.testing.assert_allclose(found, [tiny_probabilities(level) for level in LEVELS], rtol=0, atol=1e-6)


def test_a_network_that_cannot_answer_even_one_picture_is_refused_by_name(tiny_content: bytes) -> None:
    with pytest.raises(ModelError, match=r"^m\.onnx: it cannot be run here \(.*Reshape"):
        load(single(tiny_content, rows=2))
