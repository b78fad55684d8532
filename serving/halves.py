"""Both halves of an artifact as sessions on a provider: the front for one picture, the network for a fixed size."""

import logging
from dataclasses import replace

import numpy as np

from edge.cut import cut
from edge.errors import ModelError, reason_of
from edge.load_cut import make_front
from edge.sessions import Halves, why_not_shared
from serving.bound_session import CUDA_DEVICE, BoundSession
from serving.providers import CPU, create_provider_session

# How many different pictures the warm-up mixes, and what a sum in another order, in half precision, may change.
DISTINCT = 3
SAME_ANSWER = 1e-3

log = logging.getLogger("eyespot.models")


def load_halves(content: bytes, source: str, provider: str, threads: int, max_batch: int) -> Halves:
    """Return the halves of the artifact in `content`, on `provider`; pictures are always prepared on the CPU.

    The network takes 1, 2, 4 and so on pictures up to `max_batch`: a GPU searches for its algorithms anew for every
    new shape. Raises ModelError for a model that cannot be cut or loaded, InstallationError for the provider.
    """
    halves = cut(content, source)
    any_size = create_provider_session(halves.front, source, CPU, 1, varying=True)
    front = make_front(halves.front, any_size, source, 1, spinning=False)
    network = create_provider_session(halves.network, source, provider, threads)
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
