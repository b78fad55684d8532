"""What `eyespot watch` prints: a line for each change, or one JSON object for each frame."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from edge.answer import classification_fields, error_fields, printable
from edge.classification import Classification
from edge.watch.changes import Changes, state_of
from edge.watch.frame import Frame


@dataclass(frozen=True)
class Observation:
    """A frame and its answer, None for a file that led to none.

    `age_s` is how old the frame was when its turn came, `latency_s` how long the answer took; `dropped` counts the
    frames so far that were overtaken by a newer one.
    """

    frame: Frame
    classification: Classification | None
    age_s: float
    latency_s: float
    dropped: int


Write = Callable[[Observation], None]


def write_json(seen: Observation) -> None:
    """Print one frame as one JSON object on a line."""
    print(json.dumps(as_record(seen)), flush=True)


def as_record(seen: Observation) -> dict[str, object]:
    """Return one frame as the JSON object of `--json`."""
    frame = seen.frame
    height, width = frame.image.pixels.shape[:2] if frame.image else (None, None)
    return {
        "frame": frame.number,
        "path": frame.path,
        "timestamp": in_utc(frame.timestamp),
        "position_s": None if frame.position_s is None else round(frame.position_s, 6),
        "age_ms": round(seen.age_s * 1000, 3),
        "latency_ms": round(seen.latency_s * 1000, 3),
        "dropped": seen.dropped,
        "width": width,
        "height": height,
        **classification_fields(seen.classification),
        "error": error_fields(frame.error),
    }


def change_writer(changes: Changes) -> Write:
    """Return a function that prints a line where the state has changed; for a file in a folder, always."""

    def write(seen: Observation) -> None:
        frame, answer = seen.frame, seen.classification
        if frame.error or answer is None:
            print(f"{in_utc(frame.timestamp)}   {printable(frame.path or '')}   {frame.error}", flush=True)
            return
        state = state_of(answer)
        if frame.path is not None:
            print(f"{in_utc(frame.timestamp)}   {printable(frame.path)}   {_said(state, answer)}", flush=True)
        elif frame.position_s is not None:
            if changes.update(state, frame.position_s):
                print(f"{in_video(frame.position_s)}   {_said(state, answer)}", flush=True)
        elif changes.update(state, frame.taken_s):
            print(f"{in_utc(frame.timestamp)}   {_said(state, answer)}", flush=True)

    return write


def _said(state: str, answer: Classification) -> str:
    """Return a state with the probability that stands behind it, where there is a single one."""
    return f"{state}   {answer.predictions[0].probability:.2%}" if answer.predictions else state


def in_utc(moment: datetime) -> str:
    """Return a moment as ISO 8601 in UTC, to the millisecond."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def in_video(position_s: float) -> str:
    """Return a place in a video as hours, minutes, seconds and milliseconds."""
    minutes, milliseconds = divmod(round(position_s * 1000), 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds / 1000:06.3f}"
