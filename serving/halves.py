"""Both halves of an artifact as sessions on a provider: the front for one picture, the network for a fixed size."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import ModelError, reason_of
from edge.model import INPUT_NAME, NETWORK_INPUT_NAME, OUTPUT_NAME
from serving.bound_session import CUDA_DEVICE, BoundSession
from serving.providers import CPU, create_provider_session
from serving.split import split_model

Tensor = NDArray[np.float32]

TIMED_RUNS = 3

# How many different pictures the warm-up mixes, and what a sum in another order, in half precision, may change.
DISTINCT = 3
SAME_ANSWER = 1e-3

log = logging.getLogger("eyespot.models")


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
        tensor: Tensor = self.front.run([NETWORK_INPUT_NAME], {INPUT_NAME: pixels[None]})[0]
        return tensor

    def answer(self, prepared: Sequence[Tensor]) -> Tensor:
        """Return probabilities float32 [n, classes] for at most `most` prepared pictures."""
        count = len(prepared)
        size = next(size for size in self.sizes if size >= count)
        filling = [np.zeros_like(prepared[0])] * (size - count) if size > count else []
        batch = prepared[0] if size == 1 else np.concatenate([*prepared, *filling])
        answers: Tensor = self.network.run([OUTPUT_NAME], {NETWORK_INPUT_NAME: batch})[0]
        return answers[:count]

    def run(self, _: Sequence[str], feeds: dict[str, NDArray[np.uint8]]) -> list[Tensor]:
        """Answer for pictures of one size, each by itself, as onnxruntime's `run` does."""
        return [np.concatenate([self.answer([self.prepare(picture)]) for picture in feeds[INPUT_NAME]])]


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


def load_halves(content: bytes, source: str, provider: str, threads: int, max_batch: int) -> Halves:
    """Return the halves of the artifact in `content`, on `provider`; pictures are always prepared on the CPU.

    The network takes 1, 2, 4 and so on pictures up to `max_batch`: a GPU searches for its algorithms anew for every
    new shape. Raises ModelError for a model that cannot be cut or loaded, InstallationError for the provider.
    """
    parts = split_model(content, source)
    front = create_provider_session(parts.preprocessor, source, CPU, 1, varying=True)
    network = create_provider_session(parts.network, source, provider, threads)
    if provider != CPU:
        network = BoundSession(network, CUDA_DEVICE)
    sizes = tuple(1 << i for i in range(max_batch.bit_length()) if 1 << i <= max_batch)
    return Halves(front, network, sizes)


def warm_up(halves: Halves, source: str) -> Halves:
    """Return the halves after running every size once, with the sizes that answer each picture as if alone.

    Where it does not, pictures go through it one by one, so that no answer depends on another's picture. Raises
    ModelError where it cannot answer even one.
    """
    chance = np.random.default_rng(0)
    pictures = [chance.integers(0, 256, (8, 8, 3), np.uint8) // (1 << i) for i in range(DISTINCT)]
    try:
        tensors = [halves.prepare(picture) for picture in pictures]
        alone = np.concatenate([halves.answer([tensor]) for tensor in tensors])
    except Exception as error:  # noqa: BLE001 # onnxruntime's own exceptions share no base class but this one
        raise ModelError(f"{source}: it cannot be run here ({reason_of(error)})") from None
    for size in halves.sizes[1:]:
        if reason := why_not_shared(halves, size, tensors, alone, SAME_ANSWER):
            log.warning("%s: pictures go through it one by one (%s)", source, reason)
            return replace(halves, sizes=(1,))
    return halves
