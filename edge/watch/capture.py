"""OpenCV's VideoCapture, opened so that it answers in time, says nothing of its own, and is always released."""

import errno
import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager

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


@contextmanager
def opened(address: Address) -> Iterator[cv2.VideoCapture]:
    """Yield the open source, and release it whatever happens. Raises SourceError, in one line, if it cannot open."""
    capture = _open(address)
    try:
        if not capture.isOpened():
            raise SourceError(_reason(address))
        yield capture
    finally:
        capture.release()


def read(capture: cv2.VideoCapture) -> DecodedImage | None:
    """Return the next frame as uint8 RGB [H, W, 3]; None where there is none, or it cannot be decoded."""
    try:
        whole, bgr = capture.read()
    except cv2.error:
        return None
    if not whole or bgr is None or not bgr.size:
        return None
    pixels: NDArray[np.uint8] = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
    return DecodedImage(pixels, None)


def _open(address: Address) -> cv2.VideoCapture:
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", QUIET)
    if address.kind == "camera":
        number = address.target.removeprefix("/dev/video")
        name = int(number) if number.isdecimal() else address.target
        capture = cv2.VideoCapture(name) if isinstance(name, int) else cv2.VideoCapture(name)
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
