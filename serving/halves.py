"""Both halves of an artifact as sessions: the front for one picture, the network for a batch of a fixed size."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.artifact import INPUT_NAME, OUTPUT_NAME, SEAM_NAME
from edge.errors import reason_of
from serving.bound_session import CUDA_DEVICE, BoundSession
from serving.cut import cut
from serving.providers import CPU, create_provider_session

Tensor = NDArray[np.float32]

# How many different pictures the warm-up mixes, and what a sum in another order, in half precision, may change.
DISTINCT = 3
SAME_ANSWER = 1e-3
# The fastest counts: workers start side by side and disturb each other.
TIMED_RUNS = 3

log = logging.getLogger("eyespot.models")


@dataclass(frozen=True)
class Halves:
    """A front and a network that together answer as the artifact does; any number of threads may use them.

    The network is only ever given as many pictures as one of `sizes` says: a GPU searches for its algorithms
    anew for every new shape. Where `pads`, a smaller batch is filled up with zeros, whose answers are dropped.
    """

    front: Any
    network: Any
    sizes: tuple[int, ...]
    pads: bool

    @classmethod
    def load(cls, content: bytes, source: str, provider: str, threads: int, max_batch: int) -> "Halves":
        """Return the halves of the artifact in `content`, on `provider`; pictures are always prepared on the CPU.

        Raises ModelError for a model that cannot be cut or loaded, InstallationError for the provider.
        """
        halves = cut(content, source)
        front = create_provider_session(halves.front, source, CPU, 1, varying=True)
        network = create_provider_session(halves.network, source, provider, threads)
        if provider != CPU:
            network = BoundSession(network, CUDA_DEVICE)
        sizes = tuple(1 << i for i in range(max_batch.bit_length()) if 1 << i <= max_batch)
        return cls(front, network, sizes, pads=provider != CPU)

    def prepare(self, pixels: NDArray[np.uint8]) -> Tensor:
        """Return float32 [1, ...], what the network takes, for one picture uint8 RGB [H, W, 3]."""
        tensor: Tensor = self.front.run([SEAM_NAME], {INPUT_NAME: pixels[None]})[0]
        return tensor

    def answer(self, tensors: Sequence[Tensor]) -> Tensor:
        """Return probabilities float32 [n, classes] for at most as many tensors as the largest of `sizes`."""
        count = len(tensors)
        size = next(size for size in self.sizes if size >= count)
        filling = [np.zeros_like(tensors[0])] * (size - count if self.pads else 0)
        batch = tensors[0] if count + len(filling) == 1 else np.concatenate([*tensors, *filling])
        answers: Tensor = self.network.run([OUTPUT_NAME], {SEAM_NAME: batch})[0]
        return answers[:count]

    def run(self, _: Sequence[str], feeds: dict[str, NDArray[np.uint8]]) -> list[Tensor]:
        """Answer as the session of the whole file would, so that the edge room's self-test can be asked of it."""
        return [np.concatenate([self.answer([self.prepare(picture)]) for picture in feeds[INPUT_NAME]])]

    def seconds_alone(self) -> float:
        """Return how long the network takes for one picture, once it is warm."""
        tensor = self.prepare(np.zeros((8, 8, 3), np.uint8))
        taken = []
        for _ in range(TIMED_RUNS):
            began = time.perf_counter()
            self.answer([tensor])
            taken.append(time.perf_counter() - began)
        return min(taken)

    def warmed_up(self, source: str) -> "Halves":
        """Return the halves after running every size once, with the sizes that answer each picture as if alone.

        A network may be made for one picture at a time, or compute something over the whole batch, as dynamic
        quantisation does; then pictures go through it one by one, so that no answer depends on another's picture.
        """
        chance = np.random.default_rng(0)
        tensors = [self.prepare(chance.integers(0, 256, (8, 8, 3), np.uint8) // (1 << i)) for i in range(DISTINCT)]
        alone = [self.answer([tensor])[0] for tensor in tensors]
        for size in self.sizes[1:]:
            order = [i % DISTINCT for i in range(size)]
            try:
                together = self.answer([tensors[i] for i in order])
            except Exception as error:  # noqa: BLE001 # onnxruntime's own exceptions share no base class but this one
                return self._one_by_one(source, reason_of(error))
            if not np.allclose(together, [alone[i] for i in order], rtol=0, atol=SAME_ANSWER):
                return self._one_by_one(source, "an answer depends on the other pictures of its batch")
        return self

    def _one_by_one(self, source: str, reason: str) -> "Halves":
        log.warning("%s: pictures go through it one by one (%s)", source, reason)
        return replace(self, sizes=(1,), pads=False)
