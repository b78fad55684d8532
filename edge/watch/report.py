"""What `eyespot watch` prints: a line for each change, or one JSON object for each frame."""

import json

from edge.result import Classification, classification_fields, error_fields, printable
from edge.watch.capture import Frame


def state_of(answer: Classification) -> str:
    """Return the state of a frame: its label, those of all faces, or the text of its glyphs."""
    if answer.regions is None or answer.text is not None:
        return "unsure" if answer.unsure else answer.text or answer.predictions[0].label
    if answer.unsure and answer.note:
        return answer.note
    faces = ("unsure" if region.unsure else region.predictions[0].label for region in answer.regions)
    return ", ".join(faces) or "no faces"


class Changes:
    """Finds changes of a state: once `debounce_frames` in a row have it."""

    def __init__(self, debounce_frames: int) -> None:
        self._debounce_frames, self._candidate, self._frames = debounce_frames, "", 0
        self._last: str | None = None

    def update(self, state: str) -> bool:
        """Return whether the frame with this `state` is a change."""
        self._frames = self._frames + 1 if state == self._candidate else 1
        self._candidate = state
        if self._frames < self._debounce_frames or state == self._last:
            return False
        self._last = state
        return True


def change_line(frame: Frame, answer: Classification | None, changes: Changes) -> str | None:
    """Return the line for a frame that is a change, None for any other; a file of a folder always has one."""
    when = frame.timestamp
    if frame.position_s is not None:
        minutes, milliseconds = divmod(round(frame.position_s * 1000), 60_000)
        when = f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds / 1000:06.3f}"
    cells = [when] if frame.path is None else [when, printable(frame.path)]
    if answer is None:
        return "   ".join([*cells, str(frame.error)])
    state = state_of(answer)
    if frame.path is None and not changes.update(state):
        return None
    return "   ".join([*cells, state, *(f"{best.probability:.2%}" for best in answer.predictions[:1])])


def json_line(frame: Frame, answer: Classification | None, age_s: float, latency_s: float, dropped: int) -> str:
    """Return one frame as the JSON object of `--json`; the help of `eyespot watch` says what its fields are."""
    height, width = frame.image.pixels.shape[:2] if frame.image else (None, None)
    record = {
        "frame": frame.number,
        "path": frame.path,
        "timestamp": frame.timestamp,
        "position_s": None if frame.position_s is None else round(frame.position_s, 6),
        "age_ms": round(age_s * 1000, 3),
        "latency_ms": round(latency_s * 1000, 3),
        "dropped": dropped,
        "width": width,
        "height": height,
    }
    return json.dumps(record | classification_fields(answer) | {"error": error_fields(frame.error)})
