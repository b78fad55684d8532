"""Load an artifact as one session, or as two halves where several pictures may share a run of its network."""

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.artifact import INPUT_NAME, OUTPUT_NAME, read_spec, spec_of
from edge.cut import CutModel, cut
from edge.errors import ModelError
from edge.front import Front
from edge.onnx_file import read_model
from edge.runtime import create_session
from edge.sessions import Halves, Sessions, Tensor, Whole
from edge.spec import ModelSpec

# Pictures that may share a run of the network. More than eight brought nothing, and are more to wait for.
SHARED_RUNS = (2, 4, 8)
MOST_SHARED = SHARED_RUNS[-1]
# What several pictures leave in the processor's cache can cost more than weights that are read once for them:
# MiniVGGNet gains a quarter, MobileNetV2 loses as much. So it is tried, unless that would take seconds.
WORTH_SHARING = 0.95
LONGEST_TRIED_S = 0.05
TIMED_RUNS = 3


def load_whole(path: Path, threads: int, *, spinning: bool = True) -> tuple[ModelSpec, Sessions]:
    """Return the spec of the artifact at `path`, and all of it in one session, without a copy in memory beside it.

    Raises as `load_cut`, and ModelError for a file that was replaced meanwhile.
    """
    before = _mark(path)
    spec = read_spec(path)
    session = _whole(path, spec, str(path), threads, spinning)
    if _mark(path) != before:  # or the spec might be that of another model than the session
        raise ModelError(f"{path}: the file was replaced while it was loaded; load it again")
    return spec, session


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # whoever reads it says why
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


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
        return spec, _whole(content, spec, str(path), threads, spinning)
    del content
    return spec, _halves(halves, spec, str(path), threads, spinning)


def _whole(model: Path | bytes, spec: ModelSpec, name: str, threads: int, spinning: bool) -> Whole:
    session = create_session(model, name, threads, spinning=spinning)
    _require_signature(session, session, spec, name)
    return Whole(session)


def _halves(halves: CutModel, spec: ModelSpec, name: str, threads: int, spinning: bool) -> Halves:
    any_size = create_session(halves.front, name, threads, spinning=spinning)
    network = create_session(halves.network, name, threads, spinning=spinning)
    _require_signature(any_size, network, spec, name)
    front = make_front(halves.front, any_size, name, threads, spinning=spinning)
    alone = Halves(front, network, (1,))
    return Halves(front, network, (1, *SHARED_RUNS)) if _may_share(alone) else alone


def make_front(model: bytes, any_size: Any, name: str, threads: int, *, spinning: bool = True) -> Front:
    """Return the front in `model` around the session for pictures `any_size`."""

    def of_size(size: tuple[int, int]) -> Any:
        sizes = dict(zip(("N", "H", "W"), (1, *size), strict=True))
        return create_session(model, name, threads, spinning=spinning, sizes=sizes)

    return Front(any_size, of_size)


def _may_share(alone: Halves) -> bool:
    """Whether a run for several pictures takes less than one for each of them here, and gives the same bits.

    onnxruntime may add up in another order for another number of rows, and a network may be made for one picture, or
    compute something over all that it is given.
    """
    chance = np.random.default_rng(0)
    try:
        probes = [alone.prepare(chance.integers(0, 256 >> i, (8, 8, 3), np.uint8)) for i in range(MOST_SHARED)]
        alone.answer(probes[:1])  # the first run of a session takes longer
        if (alone_s := _fastest_s(alone, probes[:1])) > LONGEST_TRIED_S:
            return False
        expected = np.concatenate([alone.answer([probe]) for probe in probes])
        shared = [Halves(None, alone.network, (size,)) for size in SHARED_RUNS]
        if not all(_answers_alike(halves, probes, expected) for halves in shared):
            return False
        return _fastest_s(shared[-1], probes) < WORTH_SHARING * MOST_SHARED * alone_s
    except Exception:  # noqa: BLE001 # onnxruntime's own exceptions share no base class but this one
        return False


def _answers_alike(halves: Halves, probes: list[Tensor], expected: NDArray[np.float32]) -> bool:
    found = [halves.answer(probes[i : i + halves.most]) for i in range(0, MOST_SHARED, halves.most)]
    return np.array_equal(np.concatenate(found), expected)


def _fastest_s(halves: Halves, probes: list[Tensor]) -> float:
    taken = []
    for _ in range(TIMED_RUNS):
        began = time.perf_counter()
        halves.answer(probes)
        taken.append(time.perf_counter() - began)
    return min(taken)


def _require_signature(first: Any, last: Any, spec: ModelSpec, name: str) -> None:
    inputs = [(i.name, i.type, len(i.shape), (i.shape or [None])[-1]) for i in first.get_inputs()]
    outputs = {o.name: o.shape for o in last.get_outputs()}
    if inputs != [(INPUT_NAME, "tensor(uint8)", 4, 3)]:
        raise ModelError(f"{name}: the input must be {INPUT_NAME!r}, uint8 [N, H, W, 3]. Received: {inputs}")
    classes = (outputs.get(OUTPUT_NAME) or [None])[-1]
    if classes != len(spec.labels):
        raise ModelError(f"{name}: it has {classes} {OUTPUT_NAME} for {len(spec.labels)} labels")
