"""The compiled steps against the libraries they imitate."""

import cv2
import numpy as np
import pytest
from PIL import Image

from edge.artifact import INPUT_NAME, SEAM_NAME
from edge.errors import UsageError
from edge.runtime import create_session
from edge.steps import Grey, Resize, Scale, Step
from export.preprocessing import build_preprocessing, network_shape

SIZES = [(8, 8), (13, 29), (1, 1), (1, 50), (97, 61), (240, 320), (28, 28), (500, 3), (1080, 1920)]


def run(steps: tuple[Step, ...], images: np.ndarray) -> np.ndarray:
    session = create_session(build_preprocessing(steps).SerializeToString(), "test")
    result: np.ndarray = session.run([SEAM_NAME], {INPUT_NAME: images})[0]
    return result


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * 10_000 + width).integers(0, 256, (1, height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("target", [(28, 28), (32, 45)], ids=str)
def test_antialias_resize_is_pillow_bilinear(size: tuple[int, int], target: tuple[int, int]) -> None:
    image = noise(*size)
    expected = np.asarray(Image.fromarray(image[0]).resize(target[::-1], Image.Resampling.BILINEAR))
    found = run((Resize(*target, "antialias"),), image)[0]
    # Both round between the two passes, in another order; that is one level at the most.
    assert np.abs(found - expected).max() <= 1


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_linear_resize_is_opencv_linear(size: tuple[int, int]) -> None:
    image = noise(*size)
    expected = cv2.resize(image[0], (28, 28), interpolation=cv2.INTER_LINEAR)
    found = run((Resize(28, 28, "linear"),), image)[0]
    # OpenCV computes in 11 fractional bits, which moves a value near a half to the other side.
    assert np.abs(found - expected).max() <= 1
    assert np.array_equal(found, np.rint(found))


def test_grey_is_opencv_grey_exactly_for_all_colours() -> None:
    steps = np.arange(0, 256, 3, dtype=np.uint8)
    image = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, len(steps), 3)
    expected = cv2.cvtColor(image[0], cv2.COLOR_RGB2GRAY)
    assert np.array_equal(run((Grey(),), image)[0, :, :, 0], expected)


def test_scale_is_float32_multiplication() -> None:
    image = noise(5, 7)
    assert np.array_equal(run((Scale(1 / 255),), image), image.astype(np.float32) * np.float32(1 / 255))


def test_a_batch_gives_what_its_images_give() -> None:
    images = np.concatenate([noise(33, 21), 255 - noise(33, 21)])
    steps = (Resize(28, 28, "antialias"), Grey(), Scale(1 / 255))
    assert np.array_equal(run(steps, images), np.concatenate([run(steps, image[None]) for image in images]))


def test_resize_after_grey_keeps_one_channel() -> None:
    steps = (Grey(), Resize(6, 9, "antialias"))
    assert run(steps, noise(20, 20)).shape == (1, 6, 9, 1)
    assert network_shape(build_preprocessing(steps)) == (6, 9, 1)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(UsageError, match="three channels"):
        build_preprocessing((Grey(), Grey()))
    with pytest.raises(UsageError, match="one fixed size"):
        network_shape(build_preprocessing((Grey(),)))
