"""What is measured of a picture, and its histograms, against NumPy and OpenCV."""

import cv2
import numpy as np
import pytest

from edge.fingerprint import (
    BRIGHTNESS_EDGES,
    CONFIDENCE_EDGES,
    CONTRAST_EDGES,
    SIZE_EDGES,
    measure,
    take_fingerprint,
)
from edge.spec import Histogram


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


def test_bins_are_those_of_numpy_and_the_outer_ones_take_what_lies_beyond() -> None:
    chance = np.random.default_rng(2)
    measures = np.column_stack([chance.uniform(1, 9000, 500), chance.uniform(0, 255, 500), chance.uniform(0, 127, 500)])
    probabilities = chance.dirichlet([0.3] * 5, 300).astype(np.float32)
    found = take_fingerprint(measures, probabilities)
    values = (*measures.T, probabilities.max(axis=1).astype(np.float64))
    edges = (SIZE_EDGES, BRIGHTNESS_EDGES, CONTRAST_EDGES, CONFIDENCE_EDGES)
    histograms = (found.size, found.brightness, found.contrast, found.confidence)
    for histogram, one, of in zip(histograms, values, edges, strict=True):
        assert histogram == Histogram(of, tuple(np.histogram(np.clip(one, of[0], of[-1]), of)[0].tolist()))
    assert found.classes == tuple(np.bincount(probabilities.argmax(axis=1), minlength=5))
