"""Both halves of an artifact as sessions: the front for one picture, the network for a batch of a fixed size."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.artifact import INPUT_NAME, OUTPUT_NAME, SEAM_NAME
from edge.errors import ModelError
from serving.cut import cut
from serving.providers import CPU, create_provider_session

Tensor = NDArray[np.float32]


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

    def warm_up(self, source: str) -> None:
        """Run every size once. Raises ModelError if the network does not answer pictures alike in every one."""
        side = 8
        tensor = self.prepare(np.full((side, side, 3), 128, np.uint8))
        alone = self.answer([tensor])
        for size in self.sizes:
            together = self.answer([tensor] * size)
            if together.shape != (size, alone.shape[1]) or not np.allclose(together, alone, rtol=0, atol=1e-3):
                raise ModelError(f"{source}: it answers a batch of {size} otherwise than each picture alone")
