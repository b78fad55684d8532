"""Find faces with the Haar cascade that OpenCV ships, or with a YuNet model of the user.

The cascade is that of Viola and Jones, with the settings of the Starter Bundle, chapter 22: grey, 300 pixels wide,
scale factor 1.1, five neighbours, at least 30 pixels. It finds upright faces from the front.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import local
from typing import Generic, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import InstallationError, ModelError, ModelNotFoundError
from edge.regions import clipped
from edge.result import Box

D = TypeVar("D")

CASCADE = "haarcascade_frontalface_default.xml"
WIDTH_PX, LARGEST_HEIGHT_PX = 300, 1200  # 10 x 65,535 pixels would become 300 x 1,966,050
SCALE_FACTOR, NEIGHBOURS, SMALLEST_PX = 1.1, 5, 30
# As in YuNet's own demo. It finds faces of 10 to 300 pixels.
YUNET_LONGER_SIDE_PX, YUNET_SCORE = 640, 0.9


class _PerThread(local, Generic[D]):
    """A detector for each thread, since they keep state. Python calls `__init__` anew in every thread."""

    def __init__(self, load: Callable[[], D]) -> None:
        self.detector = load()


class HaarFaces:
    """Faces by the cascade; any number of threads may share it. Raises InstallationError without cascades."""

    def __init__(self) -> None:
        self._own = _PerThread(_load_cascade)

    def find(self, pixels: NDArray[np.uint8]) -> list[Box]:
        """Return the faces in `pixels`, uint8 RGB [H, W, 3], from left to right."""
        height, width = pixels.shape[:2]
        scale = min(WIDTH_PX / width, LARGEST_HEIGHT_PX / height)
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        grey = cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)
        least = (SMALLEST_PX, SMALLEST_PX)
        found = self._own.detector.detectMultiScale(grey, SCALE_FACTOR, NEIGHBOURS, minSize=least)
        return _as_boxes(np.asarray(found, np.float64).reshape(-1, 4), size, pixels)


class YunetFaces:
    """Faces by a YuNet model (`face_detection_yunet_2023mar.onnx` of the OpenCV zoo, or a later one).

    Any number of threads may share it; the file is read once. Raises ModelNotFoundError or ModelError for the file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        try:
            self._content = np.frombuffer(Path(path).read_bytes(), np.uint8)
        except FileNotFoundError:
            raise ModelNotFoundError(f"{path}: there is no such face model") from None
        except OSError as error:
            raise ModelError(f"{path}: the face model cannot be read ({error.strerror})") from None
        self._own = _PerThread(self._load)
        self.find(np.zeros((32, 32, 3), np.uint8))  # a model of another kind fails now

    def find(self, pixels: NDArray[np.uint8]) -> list[Box]:
        """Return the faces in `pixels`, uint8 RGB [H, W, 3], from left to right."""
        height, width = pixels.shape[:2]
        scale = min(YUNET_LONGER_SIDE_PX / max(height, width), 1.0)
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        bgr = cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), size, interpolation=cv2.INTER_AREA)
        try:
            self._own.detector.setInputSize(size)
            found = self._own.detector.detect(bgr)[1]
        except cv2.error as error:
            raise ModelError(f"{self._path}: this is not a YuNet face detector ({error.err})") from None
        # Each row is x, y, width, height, five landmarks and a score.
        rows = np.empty((0, 4)) if found is None else np.asarray(found, np.float64)[:, :4]
        return _as_boxes(rows, size, pixels)

    def _load(self) -> cv2.FaceDetectorYN:
        try:
            return cv2.FaceDetectorYN.create("onnx", self._content, np.empty(0, np.uint8), (32, 32), YUNET_SCORE)
        except cv2.error as error:
            raise ModelError(f"{self._path}: OpenCV cannot load this face model ({error.err})") from None


def _load_cascade() -> cv2.CascadeClassifier:
    with suppress(AttributeError):  # OpenCV 5 has neither
        folder: str = cv2.data.haarcascades  # type: ignore[attr-defined] # its stubs lack it
        cascade = cv2.CascadeClassifier(os.path.join(folder, CASCADE))
        if not cascade.empty():
            return cascade
    raise InstallationError(
        f"this OpenCV ({cv2.__version__}) has no cascades to find faces with; "
        "install 'opencv-python-headless>=4.13.0.92,<5', or name a YuNet model with --face-model"
    )


def _as_boxes(rows: NDArray[np.float64], size: tuple[int, int], pixels: NDArray[np.uint8]) -> list[Box]:
    """Return rectangles [N, 4] in a picture resized to `size` (width, height) as boxes in `pixels`, sorted."""
    height, width = pixels.shape[:2]
    factors = np.array([width / size[0], height / size[1]] * 2)
    return sorted(clipped(x, y, w, h, height, width) for x, y, w, h in (rows * factors).tolist())
