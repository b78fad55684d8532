"""The presets, run by onnxruntime, against keras.applications.imagenet_utils.preprocess_input on the same pixels."""

import numpy as np
import pytest
from PIL import Image

from edge.errors import UsageError
from edge.model import INPUT_NAME, NETWORK_INPUT_NAME
from edge.runtime import create_session
from export.preprocess import build_preprocessing
from export.preprocess.presets import PRESETS, preset_steps
from export.quiet_tensorflow import start_tensorflow

start_tensorflow()
from keras.applications.imagenet_utils import preprocess_input

SIDE = 24


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """A picture of the networks' own size, which the resize must leave as it is."""
    return np.random.default_rng(5).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def preprocess(name: str, image: np.ndarray, channels: int = 3, channels_first: bool = False) -> np.ndarray:
    model = build_preprocessing(preset_steps(name, SIDE, SIDE, channels, channels_first))
    session = create_session(model.SerializeToString(), "test")
    result: np.ndarray = session.run([NETWORK_INPUT_NAME], {INPUT_NAME: image[None]})[0]
    return result


def by_keras(name: str, image: np.ndarray, data_format: str = "channels_last") -> np.ndarray:
    batch = image[None].astype(np.float32)
    if name == "unit":
        return batch / 255
    if name == "raw":
        return batch
    result: np.ndarray = preprocess_input(batch.copy(), data_format=data_format, mode=name)
    return result


@pytest.mark.parametrize("name", PRESETS)
def test_colours_are_those_of_keras_applications(name: str, picture: np.ndarray) -> None:
    # Float32 numbers up to 255, rounded once or twice.
    np.testing.assert_allclose(preprocess(name, picture), by_keras(name, picture), rtol=0, atol=2e-5)


@pytest.mark.parametrize("name", ["caffe", "tf", "torch"])
def test_channels_first_as_keras_has_it(name: str, picture: np.ndarray) -> None:
    found = preprocess(name, picture, channels_first=True)
    expected = by_keras(name, picture.transpose(2, 0, 1), "channels_first")
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize(("name", "scale", "shift"), [("raw", 1, 0), ("unit", 1 / 255, 0), ("tf", 1 / 127.5, -1)])
def test_one_channel_is_the_luma_of_pillow(name: str, scale: float, shift: float, picture: np.ndarray) -> None:
    luma = np.asarray(Image.fromarray(picture).convert("L"), np.float32)[None, :, :, None]
    # One level of 255: Pillow rounds 16 fractional bits, OpenCV 15.
    found = preprocess(name, picture, channels=1)
    np.testing.assert_allclose(found, luma * scale + shift, rtol=0, atol=1.01 * scale)


@pytest.mark.parametrize(("name", "channels"), [("caffe", 1), ("torch", 1), ("raw", 4), ("unit", 2)])
def test_a_preset_that_has_no_numbers_for_the_channels_is_refused(name: str, channels: int) -> None:
    with pytest.raises(UsageError, match=f"no preset '{name}' for networks of {channels} channels"):
        preset_steps(name, SIDE, SIDE, channels, channels_first=False)


def test_the_size_is_the_networks_own() -> None:
    picture = np.random.default_rng(6).integers(0, 256, (57, 91, 3), dtype=np.uint8)
    resized = np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BILINEAR), np.float32)
    # Pillow and onnxruntime both work in fixed point, and may round one level apart.
    np.testing.assert_allclose(preprocess("raw", picture)[0], resized, rtol=0, atol=1)
