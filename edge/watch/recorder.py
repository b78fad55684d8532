"""Write annotated frames into a video file. After a power cut an .mp4 does not play; .mkv, .avi and .webm do."""

import math
import shutil
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from edge.errors import OutputError, UsageError

# What OpenCV's wheels can write: no H.264. Browsers play only .webm, which is the slowest to write.
CODECS = {".mp4": "mp4v", ".mkv": "mp4v", ".avi": "MJPG", ".webm": "VP80"}
DEFAULT_FPS, HIGHEST_FPS, LONGEST_STILL_S = 25.0, 240.0, 1.0  # a lost source makes a gap, not a still
LEAST_FREE_BYTES = 64 << 20  # a full disk harms more than a video that ends


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
