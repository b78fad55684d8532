"""What `eyespot watch` gives: a line for each change, or one JSON object for each frame, and a video.

After a power cut an .mp4 does not play; .mkv, .avi and .webm do.
"""

import json
import math
import shutil
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from edge.errors import OutputError, UsageError
from edge.result import Classification, classification_fields, error_fields, printable
from edge.watch.capture import Frame

# What OpenCV's wheels can write: no H.264. Browsers play only .webm, which is the slowest to write.
CODECS = {".mp4": "mp4v", ".mkv": "mp4v", ".avi": "MJPG", ".webm": "VP80"}
DEFAULT_FPS, HIGHEST_FPS, LONGEST_STILL_S = 25.0, 240.0, 1.0  # a lost source makes a gap, not a still
LEAST_FREE_BYTES = 64 << 20  # a full disk harms more than a video that ends


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


class Recorder:
    """A video file of annotated frames. The first decides the size; others are fitted into it, with black borders.

    Frames of a `live` source are repeated or left out to keep real time; of a file each frame becomes one.
    """

    def __init__(self, path: str, live: bool) -> None:
        """Take a path, which may hold the codes of strftime. Raises UsageError if it cannot be written."""
        self.path = Path(time.strftime(path) if "%" in path else path)
        self._live, self.written = live, 0
        self._writer: cv2.VideoWriter | None = None
        self._size, self._fps, self._started_s, self._last_s = (0, 0), DEFAULT_FPS, 0.0, 0.0
        if self.path.suffix.lower() not in CODECS:
            raise UsageError(f"--record writes {', '.join(CODECS)}. Received: {self.path.name}")
        if self.path.exists():
            raise UsageError(f"{self.path} is there already; name another, or 'camera-%Y%m%d-%H%M%S.mp4'")
        if not self.path.parent.is_dir():
            raise UsageError(f"{self.path.parent}: there is no such folder to record into")

    def close(self) -> None:
        """Write the index and close the file."""
        if self._writer:
            self._writer.release()

    def write(self, picture: NDArray[np.uint8], taken_s: float, fps: float) -> None:
        """Add `picture`, uint8 RGB [H, W, 3]; the first `fps` becomes the rate of the file. Raises OutputError."""
        if self._writer is None:
            height, width = (side + side % 2 for side in picture.shape[:2])  # codecs want even sides
            self._size = (width, height)
            self._fps = fps if math.isfinite(fps) and 1 <= fps <= HIGHEST_FPS else DEFAULT_FPS
            self._started_s = self._last_s = taken_s
            codec = cv2.VideoWriter.fourcc(*CODECS[self.path.suffix.lower()])
            self._writer = cv2.VideoWriter(str(self.path), cv2.CAP_FFMPEG, codec, self._fps, self._size)
            if not self._writer.isOpened():
                raise OutputError(f"{self.path}: OpenCV cannot write this video, is the folder writable?")
        self._started_s += max(taken_s - self._last_s - LONGEST_STILL_S, 0.0)  # time without a source is left out
        self._last_s = taken_s
        due = int((taken_s - self._started_s) * self._fps) + 1 if self._live else self.written + 1
        if due <= self.written:
            return
        if shutil.disk_usage(self.path.parent).free < LEAST_FREE_BYTES:
            raise OutputError(f"{self.path}: the disk is almost full; the recording ends here")
        bgr = cv2.cvtColor(np.asarray(ImageOps.pad(Image.fromarray(picture), self._size)), cv2.COLOR_RGB2BGR)
        for _ in range(due - self.written):
            self._writer.write(bgr)
        self.written = due
