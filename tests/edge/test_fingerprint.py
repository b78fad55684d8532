"""What is measured of a picture, against NumPy and OpenCV."""

import cv2
import numpy as np
import pytest

from edge.fingerprint import measure


@pytest.mark.parametrize(("height", "width"), [(1, 1), (8, 8), (20, 31), (32, 32)])
def test_a_small_picture_is_measured_whole(height: int, width: int) -> None:
    pixels = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
    mean, deviation = cv2.meanStdDev(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
    size, brightness, contrast = measure(pixels)
    assert size == pytest.approx(np.sqrt(height * width))
    # OpenCV rounds grey to whole levels first, half a level at most and as often up as down.
    assert brightness == pytest.approx(mean.item(), abs=0.5)
    assert contrast == pytest.approx(deviation.item(), abs=0.5)
    grey = pixels.astype(np.float64) @ [0.299, 0.587, 0.114]
    assert (brightness, contrast) == pytest.approx((grey.mean(), grey.std()), abs=1e-3)


def test_a_large_picture_is_measured_by_evenly_spread_lines() -> None:
    rows, columns = np.mgrid[0:240, 0:320]
    pixels = np.repeat(((rows / 240 + columns / 320) * 127).astype(np.uint8)[..., None], 3, axis=2)
    size, brightness, contrast = measure(pixels)
    assert size == pytest.approx(np.sqrt(240 * 320))
    # A ramp seen on 30 rows and 32 columns is darker by half a stride: 127 / 2 / 30 levels each way.
    assert brightness == pytest.approx(pixels.mean(), abs=4.5)
    assert contrast == pytest.approx(pixels.std(), abs=2)
