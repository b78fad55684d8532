"""Write what was seen, with its boxes and labels, into a video file that is playable however the run ends.

A kill -9 or a power cut ends an .mp4 without its index, which no player opens; .mkv, .avi and .webm play up to there.
"""

import math
import shutil
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from edge.errors import OutputError, UsageError

# What OpenCV's own wheels can write; H.264 is not among them. Browsers play only .webm, which is the slowest to write.
CODECS = {".mp4": "mp4v", ".mkv": "mp4v", ".avi": "MJPG", ".webm": "VP80"}
DEFAULT_FPS, HIGHEST_FPS = 25.0, 240.0
# A picture stays on the screen until the next one comes, but not longer: a lost source makes a gap, not a still.
LONGEST_STILL_S = 1.0
# A disk that is full to the last byte harms more than a video that ends.
LEAST_FREE_BYTES = 64 << 20


class Recorder:
    """A video file that takes annotated frames; `close` finishes it.

    Frames of a `live` source are repeated or left out so that the video runs as fast as the time; of a file each frame
    becomes one frame. The first one decides the size; others are fitted into it, with black borders.
    """

    def __init__(self, path: str, live: bool) -> None:
        """`path` may hold the codes of strftime. Raises UsageError for a suffix or a name that cannot be written."""
        self.path = Path(time.strftime(path) if "%" in path else path)
        self._live = live
        self._writer: cv2.VideoWriter | None = None
        self._size, self._fps = (0, 0), DEFAULT_FPS
        self._started_s = self._last_s = 0.0
        self.written = 0
        if self.path.suffix.lower() not in CODECS:
            raise UsageError(f"--record writes {', '.join(CODECS)}. Received: {self.path.name}")
        if self.path.exists():
            raise UsageError(f"{self.path} is there already; name another, or 'camera-%Y%m%d-%H%M%S.mp4'")
        if not self.path.parent.is_dir():
            raise UsageError(f"{self.path.parent}: there is no such folder to record into")

    def close(self) -> None:
        """Finish the file, which writes its index."""
        if self._writer:
            self._writer.release()

    def write(self, picture: NDArray[np.uint8], taken_s: float, fps: float) -> None:
        """Add `picture`, uint8 RGB [H, W, 3], of `taken_s`; the first `fps` that makes sense is the rate of the file.

        Raises OutputError when the disk is almost full or the file cannot be written; what it holds so far is kept.
        """
        writer = self._writer or self._open(picture, fps, taken_s)
        self._started_s += max(taken_s - self._last_s - LONGEST_STILL_S, 0.0)  # time without a source is left out
        self._last_s = taken_s
        due = int((taken_s - self._started_s) * self._fps) + 1 if self._live else self.written + 1
        if due <= self.written:
            return
        if shutil.disk_usage(self.path.parent).free < LEAST_FREE_BYTES:
            raise OutputError(f"{self.path}: the disk is almost full; the recording ends here")
        bgr = cv2.cvtColor(np.asarray(ImageOps.pad(Image.fromarray(picture), self._size)), cv2.COLOR_RGB2BGR)
        for _ in range(due - self.written):
            writer.write(bgr)
        self.written = due

    def _open(self, picture: NDArray[np.uint8], fps: float, now_s: float) -> cv2.VideoWriter:
        height, width = (side + side % 2 for side in picture.shape[:2])  # codecs want even sides
        self._size = (width, height)
        self._fps = fps if math.isfinite(fps) and 1 <= fps <= HIGHEST_FPS else DEFAULT_FPS
        self._started_s = self._last_s = now_s
        codec = cv2.VideoWriter.fourcc(*CODECS[self.path.suffix.lower()])
        self._writer = cv2.VideoWriter(str(self.path), cv2.CAP_FFMPEG, codec, self._fps, self._size)
        if not self._writer.isOpened():
            raise OutputError(f"{self.path}: OpenCV cannot write this video, is the folder writable?")
        return self._writer
