"""Every step against the library or the book that it imitates, over sizes up and down, odd, one pixel and extreme."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from PIL import Image

from edge.steps import (
    LARGEST_SIDE_PX,
    CentreCrop,
    Fit,
    Grey,
    Pad,
    Resize,
    ResizeSide,
    ReverseChannels,
    Scale,
    Step,
)
from export.preprocess.presets import PRESETS, preset_steps
from tests.export.preprocess.running import noise, run

SIZES = [(8, 8), (13, 29), (1, 1), (1, 50), (97, 61), (240, 320), (28, 28), (200, 3), (56, 56), (84, 56), (448, 480)]
LONGEST = [(LARGEST_SIDE_PX, 1), (2, LARGEST_SIDE_PX)]
FLAGS = {"area": cv2.INTER_AREA, "linear": cv2.INTER_LINEAR, "nearest": cv2.INTER_NEAREST}
FILTERS = {"antialias": Image.Resampling.BILINEAR, "antialias-cubic": Image.Resampling.BICUBIC}


def opencv(image: np.ndarray, height: int, width: int, method: str) -> np.ndarray:
    return cv2.resize(image, (width, height), interpolation=FLAGS[method]).reshape(height, width, -1)


def pillow(image: np.ndarray, height: int, width: int, method: str) -> np.ndarray:
    """Along the lines first, which Pillow 13 does not for every shape and its forerunners do."""
    along = Image.fromarray(image).resize((width, image.shape[0]), FILTERS[method])
    return np.asarray(along.resize((width, height), FILTERS[method]))


def tensorflow(image: np.ndarray, height: int, width: int, method: str) -> np.ndarray:
    import tensorflow as tf

    resized = tf.image.resize(image, (height, width), "bilinear", antialias=method == "tf-antialias")
    return np.asarray(resized)


def by_shorter_side(image: np.ndarray) -> np.ndarray:
    """torchvision's rule: int(size * long / short)."""
    height, width = (side * 20 // min(image.shape[:2]) for side in image.shape[:2])
    return opencv(image, height, width, "area")


def by_longer_side(image: np.ndarray) -> np.ndarray:
    height, width = (max(1, side * 20 // max(image.shape[:2])) for side in image.shape[:2])
    return opencv(image, height, width, "linear")


def middle(image: np.ndarray) -> np.ndarray:
    for axis, target in enumerate((27, 32)):
        spare = image.shape[axis] - target
        if spare >= 0:
            image = np.take(image, range(spare // 2, spare // 2 + target), axis)
        else:
            border = [(0, 0)] * 3
            border[axis] = (-spare // 2, -spare - -spare // 2)
            image = np.pad(image, border)
    return image


def keras_middle(image: np.ndarray) -> np.ndarray:
    import keras

    return np.asarray(keras.layers.CenterCrop(27, 32)(image.astype(np.float32)[None]))[0]


def bordered(image: np.ndarray, how: int, value: int) -> np.ndarray:
    return cv2.copyMakeBorder(image, 1, 2, 3, 0, how, value=(value,) * 3)


def the_books_preprocess(image: np.ndarray) -> np.ndarray:
    """Starter Bundle, chapter 21, written anew from its description: imutils.resize, border, cv2.resize to 28."""
    h, w = image.shape[:2]
    height, width = (max(1, int(h * (28 / float(w)))), 28) if w > h else (28, max(1, int(w * (28 / float(h)))))
    inner = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    across, down = (28 - width) // 2, (28 - height) // 2
    return cv2.resize(cv2.copyMakeBorder(inner, down, down, across, across, cv2.BORDER_REPLICATE), (28, 28))


class Case(NamedTuple):
    steps: tuple[Step, ...]
    expected: Callable[[np.ndarray], np.ndarray]
    largest: float  # difference that may be seen
    different: float = 1.0  # share of the values that may differ
    sizes: list[tuple[int, int]] = SIZES


def resizes() -> dict[str, object]:
    """Each method up and down. A level that both sides round, once in fixed point, may fall to either side."""
    cases = {}
    for height, width in ((28, 28), (1, 7), (32, 45), (224, 224)):
        marks = [pytest.mark.slow] if (height, width) in ((32, 45), (224, 224)) else []
        for method, share in (("area", 0.001), ("linear", 0.001), ("nearest", 0.0)):
            expected = partial(opencv, height=height, width=width, method=method)
            case = Case((Resize(height, width, method),), expected, 1, share)  # type: ignore[arg-type]
            cases[f"{method} {height}x{width}"] = pytest.param(case, marks=marks)
        for method in FILTERS:
            expected = partial(pillow, height=height, width=width, method=method)
            case = Case((Resize(height, width, method),), expected, 1)  # type: ignore[arg-type]
            cases[f"{method} {height}x{width}"] = pytest.param(case, marks=marks)
        for method in ("tf", "tf-antialias"):
            expected = partial(tensorflow, height=height, width=width, method=method)
            # Float32 positions in lines of 500 pixels, times differences of up to 255 levels between neighbours.
            case = Case((Resize(height, width, method),), expected, 0.01)  # type: ignore[arg-type]
            cases[f"{method} {height}x{width}"] = pytest.param(case, marks=pytest.mark.slow)
    return cases


CASES: dict[str, object] = {
    **resizes(),
    "longest area": Case((Resize(9, 5, "area"),), partial(opencv, height=9, width=5, method="area"), 1, 1, LONGEST),
    "longest antialias": Case(
        (Resize(9, 5, "antialias"),), partial(pillow, height=9, width=5, method="antialias"), 1, 1, LONGEST
    ),
    "nearest of fractions": Case(
        (Scale(0.5), Resize(4, 5, "nearest")), lambda image: opencv(image, 4, 5, "nearest") * np.float32(0.5), 0
    ),
    "shorter side": Case((ResizeSide("shorter", 20, "area"),), by_shorter_side, 1),
    "longer side": Case((ResizeSide("longer", 20, "linear"),), by_longer_side, 1),
    "crop": Case((CentreCrop(27, 32),), middle, 0),
    "crop of Keras": pytest.param(Case((CentreCrop(27, 32),), keras_middle, 0, 1, [(61, 44)]), marks=pytest.mark.slow),
    "black border": Case((Pad(1, 2, 3, 0, "constant", 77),), lambda i: bordered(i, cv2.BORDER_CONSTANT, 77), 0),
    "copied border": Case((Pad(1, 2, 3, 0, "replicate", 0),), lambda i: bordered(i, cv2.BORDER_REPLICATE, 0), 0),
    "the book's fit": Case((Fit(28, 28, "area", "replicate", 0),), the_books_preprocess, 1),
    "grey": Case((Grey(),), lambda i: cv2.cvtColor(i, cv2.COLOR_RGB2GRAY)[:, :, None], 0),
    "reversed": Case((ReverseChannels(),), lambda i: i[:, :, ::-1], 0),
    "scale": Case((Scale(1 / 255),), lambda i: i.astype(np.float32) * np.float32(1 / 255), 0),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_step_is_that_of_its_library(case: Case) -> None:
    different = values = 0
    for size in case.sizes:
        image = noise(*size)
        found, expected = run(case.steps, image)[0], case.expected(image[0])
        assert found.shape == expected.shape, size
        difference = np.abs(found - expected)
        assert difference.max() <= case.largest, size
        different, values = different + np.count_nonzero(difference), values + difference.size
    assert different <= case.different * values


def test_grey_is_opencv_grey_exactly_for_all_colours() -> None:
    steps = np.arange(0, 256, 3, dtype=np.uint8)
    image = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, len(steps), 3)
    assert np.array_equal(run((Grey(),), image)[0, :, :, 0], cv2.cvtColor(image[0], cv2.COLOR_RGB2GRAY))


@pytest.mark.parametrize("size", [(10, 12), (12, 10), (300, 3), (3, 300), (7, 7)], ids=str)
def test_fit_into_a_strip_leaves_nothing_out(size: tuple[int, int]) -> None:
    found = run((Fit(20, 60, "area", "constant", 10),), np.full((1, *size, 3), 200, np.uint8))[0]
    assert found.shape == (20, 60, 3)
    scale = min(20 / size[0], 60 / size[1])
    inside = max(1, int(size[0] * scale)) * max(1, int(size[1] * scale))
    # What is brighter than the border comes from the picture; a pixel stretched away blurs one line.
    assert np.count_nonzero(found[:, :, 0] > 105) == pytest.approx(inside, abs=60)


@pytest.mark.parametrize("channels_first", [False, True])
@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_that_of_keras_applications(name: str, channels_first: bool) -> None:
    from keras.applications.imagenet_utils import preprocess_input

    image = noise(24, 20)  # of the network's own size, which the resize leaves as it is
    order = "channels_first" if channels_first else "channels_last"
    batch = image.transpose(0, 3, 1, 2) if channels_first else image
    batch = batch.astype(np.float32)
    without_mode = {"unit": batch / 255, "raw": batch}
    expected = without_mode[name] if name in without_mode else preprocess_input(batch.copy(), order, mode=name)
    # Float32 numbers up to 255, rounded once or twice.
    np.testing.assert_allclose(run(preset_steps(name, 24, 20, 3, channels_first), image), expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize(("name", "scale", "shift"), [("raw", 1, 0), ("unit", 1 / 255, 0), ("tf", 1 / 127.5, -1)])
def test_a_preset_of_one_channel_is_the_luma_of_pillow(name: str, scale: float, shift: float) -> None:
    image = noise(24, 20)
    luma = np.asarray(Image.fromarray(image[0]).convert("L"), np.float32)[None, :, :, None]
    # One level of 255: Pillow rounds 16 fractional bits, OpenCV 15.
    found = run(preset_steps(name, 24, 20, 1, False), image)
    np.testing.assert_allclose(found, luma * scale + shift, rtol=0, atol=1.01 * scale)
