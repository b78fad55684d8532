"""Load an artifact as two halves, of which several pictures may share the second, where many pictures come."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edge.artifact import spec_of
from edge.cut import CutModel, cut
from edge.errors import ModelError
from edge.front import Front
from edge.load_whole import require_signature, whole_session
from edge.onnx_file import read_model
from edge.runtime import create_session
from edge.sessions import Halves, Sessions, fastest_s, why_not_shared
from edge.spec import ModelSpec

# Pictures that may share a run of the network. More than eight brought nothing, and are more to wait for.
SHARED_RUNS = (2, 4, 8)
# What several pictures leave in the processor's cache can cost more than weights that are read once for them:
# MiniVGGNet gains a quarter, MobileNetV2 loses as much. So it is tried, unless that would take seconds.
WORTH_SHARING = 0.95
LONGEST_TRIED_S = 0.05


def load_cut(path: Path, threads: int, *, spinning: bool = True) -> tuple[ModelSpec, Sessions]:
    """Return the spec of the artifact at `path`, and its halves.

    The answers do not depend, to the last bit, on what shares a run. A model that cannot be cut is loaded whole.
    Raises as `edge.artifact.read_spec` and `edge.runtime.create_session`.
    """
    content = read_model(path)
    spec = spec_of(content, str(path))
    try:
        halves = cut(content, str(path))
    except ModelError:
        return spec, whole_session(content, spec, str(path), threads, spinning)
    del content
    return spec, _halves(halves, spec, str(path), threads, spinning)


def _halves(halves: CutModel, spec: ModelSpec, name: str, threads: int, spinning: bool) -> Halves:
    any_size = create_session(halves.front, name, threads, spinning=spinning)
    network = create_session(halves.network, name, threads, spinning=spinning)
    require_signature(any_size, network, spec, name)
    front = make_front(halves.front, any_size, name, threads, spinning=spinning)
    shared = Halves(front, network, (1, *SHARED_RUNS))
    return shared if _may_share(shared) else replace(shared, sizes=(1,))


def make_front(model: bytes, any_size: Any, name: str, threads: int, *, spinning: bool = True) -> Front:
    """Return the front in `model` around the session for pictures `any_size`."""

    def of_size(size: tuple[int, int]) -> Any:
        sizes = dict(zip(("N", "H", "W"), (1, *size), strict=True))
        return create_session(model, name, threads, spinning=spinning, sizes=sizes)

    return Front(any_size, of_size)


def _may_share(halves: Halves) -> bool:
    """Whether a run for several pictures takes less than one for each of them here, and gives the same bits."""
    chance = np.random.default_rng(0)
    try:
        probes = [halves.prepare(chance.integers(0, 256 >> i, (8, 8, 3), np.uint8)) for i in range(halves.most)]
        halves.answer(probes[:1])  # the first run of a session takes longer
        if (alone_s := fastest_s(halves, probes[:1])) > LONGEST_TRIED_S:
            return False
        alone = np.concatenate([halves.answer([probe]) for probe in probes])
    except Exception:  # noqa: BLE001 # onnxruntime's own exceptions share no base class but this one
        return False
    if any(why_not_shared(halves, size, probes, alone, largest_difference=0) for size in SHARED_RUNS):
        return False
    return fastest_s(halves, probes) < WORTH_SHARING * halves.most * alone_s
