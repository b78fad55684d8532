"""Colour steps against OpenCV and the modes of keras.applications."""

import cv2
import numpy as np
import pytest

from edge.steps import Grey, ReverseChannels, Scale, Standardise, Step, SubtractMean
from export.preprocess.colour import LUMA_15_BIT
from tests.export.preprocess.running import noise, run

# keras/src/applications/imagenet_utils.py, _preprocess_numpy_input.
CAFFE = (ReverseChannels(), SubtractMean((103.939, 116.779, 123.68)))
TF = (Scale(1 / 127.5), SubtractMean((1.0, 1.0, 1.0)))
TORCH = (Scale(1 / 255), Standardise((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


def test_grey_is_opencv_grey_exactly_for_all_colours() -> None:
    steps = np.arange(0, 256, 3, dtype=np.uint8)
    image = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, len(steps), 3)
    expected = cv2.cvtColor(image[0], cv2.COLOR_RGB2GRAY)
    assert np.array_equal(run((Grey(),), image)[0, :, :, 0], expected)


def test_the_weights_of_grey_sum_to_one() -> None:
    assert LUMA_15_BIT.sum() == 2**15


def test_scale_is_float32_multiplication() -> None:
    image = noise(5, 7)
    assert np.array_equal(run((Scale(1 / 255),), image), image.astype(np.float32) * np.float32(1 / 255))


def test_reversed_channels_are_those_of_opencv() -> None:
    image = noise(5, 7)
    assert np.array_equal(run((ReverseChannels(),), image)[0], cv2.cvtColor(image[0], cv2.COLOR_RGB2BGR))


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "steps"), [("caffe", CAFFE), ("tf", TF), ("torch", TORCH)])
def test_the_modes_of_keras(mode: str, steps: tuple[Step, ...]) -> None:
    from keras.applications.imagenet_utils import preprocess_input

    image = noise(5, 7)
    expected = preprocess_input(image.astype(np.float32), data_format="channels_last", mode=mode)
    # A multiplication in place of a division may differ in the last bit, of values up to 151.
    assert np.allclose(run(steps, image), expected, rtol=0, atol=2e-6 if mode != "caffe" else 0)
