"""Videos that the tests make and read, with OpenCV alone."""

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

CODECS = {".mp4": "mp4v", ".avi": "MJPG", ".mkv": "VP80"}


def write_video(path: Path, pictures: Iterable[np.ndarray], fps: float = 25.0) -> Path:
    """RGB pictures of one size, as a video."""
    writer = None
    for picture in pictures:
        if writer is None:
            size = (picture.shape[1], picture.shape[0])
            codec = cv2.VideoWriter.fourcc(*CODECS[path.suffix])
            writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, codec, fps, size)
        writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    assert writer
    writer.release()
    return path


def read_video(path: Path) -> list[np.ndarray]:
    """All frames that a player would show, RGB."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    frames = []
    while (read := capture.read())[0]:
        frames.append(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB))
    capture.release()
    return frames


def grey(level: int, height: int = 48, width: int = 64) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def damaged(path: Path) -> Path:
    """The file with noise over a stretch in its middle."""
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    length = len(content) // 5
    content[middle : middle + length] = np.random.default_rng(0).bytes(length)
    path.write_bytes(content)
    return path
