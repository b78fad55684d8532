"""Measure a picture, for the fingerprint of a training and for drift in serving alike."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SAMPLED_LINES = 32  # rows and columns, evenly spread, that brightness and contrast are measured on
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # Rec. ITU-R BT.601


class PictureMeasures(NamedTuple):
    """The root of width times height, in pixels, and mean and standard deviation of the luma, in levels 0 to 255."""

    size: float
    brightness: float
    contrast: float


def measure(pixels: NDArray[np.uint8]) -> PictureMeasures:
    """Return the measures of one picture, uint8 RGB [H, W, 3]."""
    height, width = pixels.shape[:2]
    lines = pixels[:: -(-height // SAMPLED_LINES), :: -(-width // SAMPLED_LINES)]
    luma = lines.reshape(-1, 3).astype(np.float32) @ LUMA
    mean = float(luma.sum()) / luma.size
    luma -= mean
    return PictureMeasures(math.sqrt(height * width), mean, math.sqrt(float(luma @ luma) / luma.size))
