"""An artifact as it runs: whole, in one session, or as two halves, of which the second takes several pictures at once.

It exists so that whoever classifies need not know which. A whole file starts sooner and is for one picture at a time.
Where many come, the weights of a network are read once for several of them (MiniVGGNet: 0.71 ms a picture became
0.53 with both cores at work), while each is prepared as soon as it is decoded and still in the processor's cache.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.artifact import INPUT_NAME, OUTPUT_NAME, SEAM_NAME
from edge.errors import reason_of

Tensor = NDArray[np.float32]

TIMED_RUNS = 3


@dataclass(frozen=True)
class Whole:
    """An artifact in one session: all the work on a picture is done when it is prepared."""

    session: Any

    @property
    def most(self) -> int:
        """How many pictures share a run."""
        return 1

    def prepare(self, pixels: NDArray[np.uint8]) -> Tensor:
        """Return the probabilities float32 [1, classes] of one picture, uint8 RGB [H, W, 3]."""
        return self.run([OUTPUT_NAME], {INPUT_NAME: pixels[None]})[0]

    def answer(self, prepared: Sequence[Tensor]) -> Tensor:
        """Return the same, float32 [n, classes]."""
        return prepared[0] if len(prepared) == 1 else np.concatenate(prepared)

    def run(self, outputs: Sequence[str], feeds: dict[str, NDArray[np.uint8]]) -> list[Tensor]:
        """Answer for pictures of one size, as onnxruntime does."""
        found: list[Tensor] = self.session.run(outputs, feeds)
        return found


@dataclass(frozen=True)
class Halves:
    """A front and a network that together answer as the artifact does; any number of threads may use them.

    The network is only ever given as many pictures as one of `sizes` says, in ascending order; where fewer are there,
    the rest is filled up with zeros, whose answers are dropped.
    """

    front: Any
    network: Any
    sizes: tuple[int, ...]

    @property
    def most(self) -> int:
        """How many pictures may share a run of the network."""
        return self.sizes[-1]

    def prepare(self, pixels: NDArray[np.uint8]) -> Tensor:
        """Return float32 [1, ...], what the network takes, for one picture, uint8 RGB [H, W, 3]."""
        tensor: Tensor = self.front.run([SEAM_NAME], {INPUT_NAME: pixels[None]})[0]
        return tensor

    def answer(self, prepared: Sequence[Tensor]) -> Tensor:
        """Return probabilities float32 [n, classes] for at most `most` prepared pictures."""
        count = len(prepared)
        size = next(size for size in self.sizes if size >= count)
        filling = [np.zeros_like(prepared[0])] * (size - count) if size > count else []
        batch = prepared[0] if size == 1 else np.concatenate([*prepared, *filling])
        answers: Tensor = self.network.run([OUTPUT_NAME], {SEAM_NAME: batch})[0]
        return answers[:count]

    def run(self, _: Sequence[str], feeds: dict[str, NDArray[np.uint8]]) -> list[Tensor]:
        """Answer for pictures of one size, each by itself."""
        return [np.concatenate([self.answer([self.prepare(picture)]) for picture in feeds[INPUT_NAME]])]


Sessions = Whole | Halves


def why_not_shared(
    halves: Halves, size: int, prepared: Sequence[Tensor], alone: Tensor, largest_difference: float
) -> str | None:
    """Return why no `size` pictures may share a run of the network, or None if they may.

    `alone`, float32 [n, classes], are the answers to `prepared` pictures one by one. onnxruntime may add up in another
    order for another number of rows, and a network may be made for one picture, or compute something over all that it
    is given, as dynamic quantisation does.
    """
    order = [i % len(prepared) for i in range(size)]
    try:
        together = halves.answer([prepared[i] for i in order])
    except Exception as error:  # noqa: BLE001 # onnxruntime's own exceptions share no base class but this one
        return reason_of(error)
    if np.allclose(together, alone[order], rtol=0, atol=largest_difference):
        return None
    return "an answer depends on the other pictures of its batch"


def fastest_s(halves: Halves, prepared: Sequence[Tensor]) -> float:
    """Return how long the network takes for `prepared` pictures together, once it is warm, if nothing disturbs it."""
    taken = []
    for _ in range(TIMED_RUNS):
        began = time.perf_counter()
        halves.answer(prepared)
        taken.append(time.perf_counter() - began)
    return min(taken)
