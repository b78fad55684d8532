"""Write what was seen, with its boxes and labels, into a video file that is playable however the run ends.

A kill -9 or a power cut ends an .mp4 without its index, which no player opens; .mkv, .avi and .webm play up to there.
"""

import math
import shutil
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import OutputError, UsageError
from edge.watch.frame import Frame

# What OpenCV's own wheels can write; H.264 is not among them. Browsers play only .webm, which is the slowest to write.
CODECS = {".mp4": "mp4v", ".mkv": "mp4v", ".avi": "MJPG", ".webm": "VP80"}
DEFAULT_FPS, HIGHEST_FPS = 25.0, 240.0
# A picture stays on the screen until the next one comes, but not longer: a lost source makes a gap, not a still.
LONGEST_STILL_S = 1.0
# A disk that is full to the last byte harms more than a video that ends.
LEAST_FREE_BYTES = 64 << 20
SIZES_ARE_MULTIPLES_OF = 2


class Recorder:
    """A video file that takes annotated frames, and is finished when the block ends.

    Frames of a `live` source are held or left out so that the video runs as fast as the time; of a file each frame
    becomes one frame. The first one decides the size; others are scaled to fit into it, with black borders.
    """

    def __init__(self, path: str, live: bool) -> None:
        """`path` may hold the codes of strftime. Raises UsageError for a suffix or a name that cannot be written."""
        self.path = Path(time.strftime(path) if "%" in path else path)
        self._live = live
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self._fps = DEFAULT_FPS
        self._started_s = 0.0
        self._last_s = 0.0
        self._looked_at: int | None = None
        self.written = 0
        self.failed = False
        if self.path.suffix.lower() not in CODECS:
            raise UsageError(f"--record writes {', '.join(CODECS)}. Received: {self.path.name}")
        if self.path.exists():
            raise UsageError(f"{self.path} is there already; name another, or 'camera-%Y%m%d-%H%M%S.mp4'")
        if not self.path.parent.is_dir():
            raise UsageError(f"{self.path.parent}: there is no such folder to record into")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def give_up(self) -> None:
        """Finish the file now, for a reason that its owner has told."""
        self.failed = True
        self._close()

    def _close(self) -> None:
        if self._writer:
            self._writer.release()  # which writes the index

    def write(self, frame: Frame, picture: NDArray[np.uint8], fps: float) -> None:
        """Add `picture`, uint8 RGB, that shows `frame`; the rate of the file is the first `fps` that makes sense.

        Raises OutputError when the disk is almost full or the file cannot be written; what it holds so far is kept.
        """
        if self._writer is None:
            self._open(picture, fps, frame.taken_s)
        copies = self._copies(frame.taken_s) if self._live else 1
        if not copies or self._writer is None:
            return
        self._look_at_the_disk()
        bgr = cv2.cvtColor(_fitted(picture, self._size), cv2.COLOR_RGB2BGR)
        for _ in range(copies):
            self._writer.write(bgr)
        self.written += copies

    def _look_at_the_disk(self) -> None:
        """Raise OutputError if it is almost full; that is looked up once for each second of the video."""
        second = self.written // round(self._fps)
        if second != self._looked_at and shutil.disk_usage(self.path.parent).free < LEAST_FREE_BYTES:
            raise OutputError(f"{self.path}: the disk is almost full; the recording ends here")
        self._looked_at = second

    def _open(self, picture: NDArray[np.uint8], fps: float, now_s: float) -> None:
        height, width = (side + side % SIZES_ARE_MULTIPLES_OF for side in picture.shape[:2])
        self._size = (width, height)
        self._fps = fps if math.isfinite(fps) and 1 <= fps <= HIGHEST_FPS else DEFAULT_FPS
        self._started_s = self._last_s = now_s
        codec = cv2.VideoWriter.fourcc(*CODECS[self.path.suffix.lower()])
        self._writer = cv2.VideoWriter(str(self.path), cv2.CAP_FFMPEG, codec, self._fps, self._size)
        if not self._writer.isOpened():
            raise OutputError(f"{self.path}: OpenCV cannot write this video, is the folder writable?")

    def _copies(self, now_s: float) -> int:
        """Return how often a frame of `now_s` is to be written so that the file keeps up with the time."""
        self._started_s += max(now_s - self._last_s - LONGEST_STILL_S, 0.0)
        self._last_s = now_s
        return max(int((now_s - self._started_s) * self._fps) + 1 - self.written, 0)


def _fitted(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return `picture` in the middle of `size` (width, height), scaled down or up to it, with black borders."""
    height, width = picture.shape[:2]
    if abs(size[0] - width) < SIZES_ARE_MULTIPLES_OF and abs(size[1] - height) < SIZES_ARE_MULTIPLES_OF:
        return np.pad(picture, ((0, size[1] - height), (0, size[0] - width), (0, 0)), mode="edge")
    scale = min(size[0] / width, size[1] / height)
    inner = (max(int(width * scale), 1), max(int(height * scale), 1))
    canvas = np.zeros((size[1], size[0], 3), np.uint8)
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(picture, inner, interpolation=cv2.INTER_AREA)
    return canvas
