"""OpenCV's VideoCapture, opened so that it answers in time, says nothing of its own, and is always released."""

import errno
import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.decode import DecodedImage
from edge.errors import SourceError
from edge.watch.address import Address

# A stream that opens or sends nothing for so long is lost.
TIMEOUT_MS = 5000
# FFmpeg reports each damaged frame on standard error; it is counted, and said once.
QUIET = "-8"


class Capture(Protocol):
    """An open source of pictures; `fps` is the rate it claims, 0 for none."""

    fps: float

    def read(self) -> DecodedImage | None:
        """Return the next picture; None where there is none, or it cannot be decoded."""
        ...

    def interrupt(self) -> None:
        """Make a `read` in another thread return soon, and all that follow give nothing."""
        ...

    def release(self) -> None:
        """Let go of the source."""
        ...


class OpenCvCapture:
    """What OpenCV reads: cameras, video files, and streams by FFmpeg."""

    def __init__(self, capture: cv2.VideoCapture) -> None:
        self._capture = capture
        self.fps = capture.get(cv2.CAP_PROP_FPS)

    def read(self) -> DecodedImage | None:
        """Return the next frame; see `Capture`."""
        try:
            whole, bgr = self._capture.read()
        except cv2.error:
            return None
        if not whole or bgr is None or not bgr.size:
            return None
        pixels: NDArray[np.uint8] = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
        return DecodedImage(pixels, None)

    @property
    def position_s(self) -> float:
        """Where the last frame stands in a video file."""
        return self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000

    @property
    def claimed_frames(self) -> int:
        """How many frames the file says it has."""
        return int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))

    def interrupt(self) -> None:
        """Wait for the next frame, or the timeout: OpenCV lets nobody cut in."""

    def release(self) -> None:
        """Close the source."""
        self._capture.release()


@contextmanager
def opened(address: Address) -> Iterator[Capture]:
    """Yield the open source, and release it whatever happens. Raises SourceError, in one line, if it cannot open."""
    capture = (_open_stream(address) if address.kind == "stream" else None) or open_by_opencv(address)
    try:
        yield capture
    finally:
        capture.release()


def open_by_opencv(address: Address) -> OpenCvCapture:
    """Return the open camera, video file or stream. Raises SourceError."""
    capture = _open(address)
    if capture.isOpened():
        return OpenCvCapture(capture)
    capture.release()
    raise SourceError(_reason(address))


def _open_stream(address: Address) -> Capture | None:
    """Return an MJPEG stream, None for any other."""
    if not address.target.lower().startswith(("http://", "https://")):
        return None
    from edge.watch.mjpeg import open_mjpeg  # only who needs HTTP pays for it

    return open_mjpeg(address.target, address.name, TIMEOUT_MS / 1000)


def _open(address: Address) -> cv2.VideoCapture:
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", QUIET)
    if address.kind == "camera":
        number = address.target.removeprefix("/dev/video")
        if number.isdecimal():
            capture = cv2.VideoCapture(int(number))
        else:
            capture = cv2.VideoCapture(address.target, cv2.CAP_V4L2)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # an old picture waits nowhere
        return capture
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, TIMEOUT_MS]
    return cv2.VideoCapture(address.target, cv2.CAP_FFMPEG, limits)


def _reason(address: Address) -> str:
    """Return why the source did not open, as far as the system says."""
    if address.kind == "stream":
        return f"{address.name}: this stream cannot be opened; is the address right, and does the camera answer?"
    if address.kind == "video":
        return f"{address.name}: this is no video that OpenCV can read"
    if not os.path.exists(address.target):
        others = ", ".join(sorted(glob.glob("/dev/video*"))) or "none"
        return f"{address.name}: there is no {address.target}; cameras here: {others}"
    try:
        os.close(os.open(address.target, os.O_RDWR | os.O_NONBLOCK))
    except OSError as error:
        if error.errno == errno.EACCES:
            return f"{address.name}: {address.target} may not be read; add the user to the group 'video'"
        if error.errno != errno.EBUSY:
            return f"{address.name}: {address.target} cannot be opened ({error.strerror})"
    return (
        f"{address.name}: {address.target} gives no pictures; is another program using it "
        f"('fuser {address.target}' shows it), or is it no camera?"
    )
