"""Each resize against the library it imitates: up and down, odd, one pixel, extreme aspect ratios.

The table of the README says what was found here over more sizes.
"""

from typing import Literal

import cv2
import numpy as np
import pytest
from PIL import Image

from edge.steps import LARGEST_SIDE_PX, Method, Resize
from tests.export.preprocess.running import noise, run

SIZES = [(8, 8), (13, 29), (1, 1), (1, 50), (97, 61), (240, 320), (28, 28), (500, 3), (56, 56), (84, 56), (448, 480)]
TARGETS = [(28, 28), (1, 7), *(pytest.param(target, marks=pytest.mark.slow) for target in [(32, 45), (224, 224)])]

OPENCV = {
    "area": cv2.INTER_AREA,
    "linear": cv2.INTER_LINEAR,
    "nearest": cv2.INTER_NEAREST,
}
# Share of the values that may differ, by one level.
DIFFERENT = {"area": 0.001, "linear": 0.001, "nearest": 0.0}


def opencv(image: np.ndarray, height: int, width: int, method: str) -> np.ndarray:
    return cv2.resize(image[0], (width, height), interpolation=OPENCV[method]).reshape(height, width, -1)


@pytest.mark.parametrize("target", TARGETS, ids=str)
@pytest.mark.parametrize("method", OPENCV)
def test_resize_is_that_of_opencv(method: Method, target: tuple[int, int]) -> None:
    different = values = 0
    for size in SIZES:
        image = noise(*size)
        found = run((Resize(*target, method),), image)[0]
        difference = np.abs(found - opencv(image, *target, method))
        assert difference.max() <= 1, size
        different, values = different + np.count_nonzero(difference), values + difference.size
    assert different <= DIFFERENT[method] * values


@pytest.mark.parametrize("method", ["area", "linear", "nearest", "antialias"])
@pytest.mark.parametrize("size", [(LARGEST_SIDE_PX, 1), (2, LARGEST_SIDE_PX)], ids=str)
def test_the_longest_side_is_no_matter(method: Method, size: tuple[int, int]) -> None:
    image = noise(*size)
    found = run((Resize(9, 5, method),), image)[0]
    expected = pillow(image, 9, 5, "antialias") if method == "antialias" else opencv(image, 9, 5, method)
    assert np.abs(found - expected).max() <= 1


def pillow(image: np.ndarray, height: int, width: int, method: str) -> np.ndarray:
    """Along the lines first, which Pillow 13 does not for every shape and its forerunners do."""
    how = Image.Resampling.BILINEAR if method == "antialias" else Image.Resampling.BICUBIC
    along = Image.fromarray(image[0]).resize((width, image.shape[1]), how)
    return np.asarray(along.resize((width, height), how))


@pytest.mark.parametrize("target", TARGETS, ids=str)
@pytest.mark.parametrize("method", ["antialias", "antialias-cubic"])
def test_antialias_is_that_of_pillow(method: Method, target: tuple[int, int]) -> None:
    for size in SIZES:
        image = noise(*size)
        found = run((Resize(*target, method),), image)[0]
        assert np.abs(found - pillow(image, *target, method)).max() <= 1, size
        assert np.array_equal(found, np.rint(found))


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS, ids=str)
@pytest.mark.parametrize("method", ["tf", "tf-antialias"])
def test_tf_is_that_of_tensorflow(method: Literal["tf", "tf-antialias"], target: tuple[int, int]) -> None:
    import tensorflow as tf

    for size in SIZES:
        image = noise(*size)
        expected = tf.image.resize(image[0], target, "bilinear", antialias=method == "tf-antialias").numpy()
        # Float32 positions in lines of 500 pixels, times differences of up to 255 levels between neighbours.
        assert np.abs(run((Resize(*target, method),), image)[0] - expected).max() <= 0.01, size


def test_nearest_keeps_values_that_are_no_levels() -> None:
    from edge.steps import Scale

    image = noise(13, 29)
    found = run((Scale(0.5), Resize(4, 5, "nearest")), image)[0]
    assert np.array_equal(found, opencv(image, 4, 5, "nearest") * np.float32(0.5))
