"""Find faces: with the Haar cascade that OpenCV ships, or with a YuNet model that the user brings.

The cascade is that of Viola and Jones, and its settings are those of the Starter Bundle, chapter 22: the picture in
grey, 300 pixels wide, scale factor 1.1, five neighbours, 30 pixels at least. It sees upright faces from the front.
"""

import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import InstallationError, ModelError, ModelNotFoundError
from edge.regions.region import Box, clipped

D = TypeVar("D")

CASCADE = "haarcascade_frontalface_default.xml"
WIDTH_PX = 300
# A strip of 10 x 65,535 pixels would become one of 300 x 1,966,050.
LARGEST_HEIGHT_PX = 1200
SCALE_FACTOR = 1.1
NEIGHBOURS = 5
SMALLEST_PX = 30

# YuNet's own demo: it finds faces of 10 to 300 pixels, so that a larger picture only costs time.
YUNET_LONGER_SIDE_PX = 640
YUNET_SCORE = 0.9


class _Pool(Generic[D]):
    """Detectors that nobody uses right now: OpenCV's keep state, so that two threads must never share one."""

    def __init__(self, make: Callable[[], D]) -> None:
        self._make = make
        self._idle: deque[D] = deque([make()])

    def take(self) -> D:
        try:
            return self._idle.pop()
        except IndexError:
            return self._make()

    def give_back(self, detector: D) -> None:
        self._idle.append(detector)


class HaarFaces:
    """Faces by the cascade. It may be shared by any number of threads.

    Raises InstallationError where OpenCV has no cascades: version 5, and some distributions' packages.
    """

    def __init__(self) -> None:
        self._pool = _Pool(_load_cascade)

    def find(self, pixels: NDArray[np.uint8]) -> list[Box]:
        """Return the faces in `pixels`, uint8 RGB [H, W, 3], from left to right."""
        height, width = pixels.shape[:2]
        scale = min(WIDTH_PX / width, LARGEST_HEIGHT_PX / height)
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        grey = cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)
        cascade = self._pool.take()
        found = cascade.detectMultiScale(grey, SCALE_FACTOR, NEIGHBOURS, minSize=(SMALLEST_PX, SMALLEST_PX))
        self._pool.give_back(cascade)
        return _mapped_back(np.asarray(found, np.float64).reshape(-1, 4), size, height, width)


class YunetFaces:
    """Faces by a YuNet model (`face_detection_yunet_2023mar.onnx` of the OpenCV zoo, or a later one).

    It may be shared by any number of threads. Raises ModelNotFoundError or ModelError for the file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not Path(path).is_file():
            raise ModelNotFoundError(f"{path}: there is no such face model")
        self._path = os.fspath(path)
        self._content = _read(Path(path))  # detectors of other threads are made later, and of the same model
        self._pool = _Pool(self._load)
        self.find(np.zeros((32, 32, 3), np.uint8))  # a model of another kind fails here, not on the first picture

    def find(self, pixels: NDArray[np.uint8]) -> list[Box]:
        """Return the faces in `pixels`, uint8 RGB [H, W, 3], from left to right."""
        height, width = pixels.shape[:2]
        scale = min(YUNET_LONGER_SIDE_PX / max(height, width), 1.0)
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        bgr = cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), size, interpolation=cv2.INTER_AREA)
        detector = self._pool.take()
        try:
            detector.setInputSize(size)
            found = detector.detect(bgr)[1]
        except cv2.error as error:
            raise ModelError(f"{self._path}: it is no YuNet face detector ({error.err})") from None
        self._pool.give_back(detector)
        # Each row is x, y, width, height, five landmarks and a score.
        rows = np.empty((0, 4)) if found is None else np.asarray(found, np.float64)[:, :4]
        return _mapped_back(rows, size, height, width)

    def _load(self) -> cv2.FaceDetectorYN:
        try:
            nothing = np.empty(0, np.uint8)
            return cv2.FaceDetectorYN.create("onnx", self._content, nothing, (32, 32), YUNET_SCORE)
        except cv2.error as error:
            raise ModelError(f"{self._path}: OpenCV cannot load this face model ({error.err})") from None


def _read(path: Path) -> NDArray[np.uint8]:
    try:
        return np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise ModelError(f"{path}: the face model cannot be read ({error.strerror})") from None


def _load_cascade() -> cv2.CascadeClassifier:
    data = getattr(cv2, "data", None)
    if data is None or not hasattr(cv2, "CascadeClassifier"):
        raise InstallationError(
            f"this OpenCV ({cv2.__version__}) has no cascades to find faces with; "
            "install 'opencv-python-headless>=4.13.0.92,<5', or name a YuNet model with --face-model"
        )
    path = os.path.join(data.haarcascades, CASCADE)
    cascade = cv2.CascadeClassifier(path)
    if cascade.empty():
        raise InstallationError(f"OpenCV's file {path} cannot be read; install OpenCV again")
    return cascade


def _mapped_back(rows: NDArray[np.float64], size: tuple[int, int], height: int, width: int) -> list[Box]:
    """Return boxes of a picture that was resized to `size` (width, height) as boxes of the picture itself."""
    factors = np.array([width / size[0], height / size[1]] * 2)
    return sorted(clipped(x, y, w, h, height, width) for x, y, w, h in (rows * factors).tolist())
