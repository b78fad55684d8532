"""Load an artifact as one session, which is the soonest way to the answer for one picture."""

import os
from pathlib import Path
from typing import Any

from edge.artifact import INPUT_NAME, OUTPUT_NAME, read_spec
from edge.errors import ModelError
from edge.runtime import create_session
from edge.sessions import Sessions, Whole
from edge.spec import ModelSpec


def load_whole(path: Path, threads: int, *, spinning: bool = True) -> tuple[ModelSpec, Sessions]:
    """Return the spec of the artifact at `path`, and all of it in one session, without a copy in memory beside it.

    Raises as `read_spec` and `create_session`, and ModelError for a file that was replaced meanwhile.
    """
    before = _mark(path)
    spec = read_spec(path)
    session = whole_session(path, spec, str(path), threads, spinning)
    if _mark(path) != before:  # or the spec might be that of another model than the session
        raise ModelError(f"{path}: the file was replaced while it was loaded; load it again")
    return spec, session


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # whoever reads it says why
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def whole_session(model: Path | bytes, spec: ModelSpec, name: str, threads: int, spinning: bool) -> Whole:
    """Return the session of a model file or its bytes. Raises ModelError unless it takes and gives what `spec` says."""
    session = create_session(model, name, threads, spinning=spinning)
    require_signature(session, session, spec, name)
    return Whole(session)


def require_signature(first: Any, last: Any, spec: ModelSpec, name: str) -> None:
    """Raise ModelError unless session `first` takes pictures, and `last` gives a probability for each label."""
    inputs = [(i.name, i.type, len(i.shape), (i.shape or [None])[-1]) for i in first.get_inputs()]
    outputs = {o.name: o.shape for o in last.get_outputs()}
    if inputs != [(INPUT_NAME, "tensor(uint8)", 4, 3)]:
        raise ModelError(f"{name}: the input must be {INPUT_NAME!r}, uint8 [N, H, W, 3]. Received: {inputs}")
    classes = (outputs.get(OUTPUT_NAME) or [None])[-1]
    if classes != len(spec.labels):
        raise ModelError(f"{name}: it has {classes} {OUTPUT_NAME} for {len(spec.labels)} labels")
