"""Sides, crops and borders against OpenCV, Pillow and the functions of the book."""

import cv2
import numpy as np
import pytest

from edge.errors import UsageError
from edge.steps import Border, CentreCrop, Fit, Pad, Resize, ResizeSide, Scale, Standardise, Step, SubtractMean
from tests.export.preprocess.running import noise, run

SIZES = [(40, 30), (30, 40), (31, 77), (1, 1), (200, 3), (28, 28), (5, 8), (97, 96), (56, 28)]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_shorter_side_gets_its_length(size: tuple[int, int]) -> None:
    height, width = size
    image = noise(*size)
    short = min(size)
    # torchvision's rule: int(size * long / short).
    expected = cv2.resize(image[0], (width * 20 // short, height * 20 // short), interpolation=cv2.INTER_AREA)
    found = run((ResizeSide("shorter", 20, "area"),), image)[0]
    assert found.shape == expected.shape
    assert min(found.shape[:2]) == 20
    assert np.abs(found - expected).max() <= 1


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_longer_side_gets_its_length_and_the_other_one_pixel_at_least(size: tuple[int, int]) -> None:
    height, width = size
    image = noise(*size)
    shape = (max(1, width * 20 // max(size)), max(1, height * 20 // max(size)))
    expected = cv2.resize(image[0], shape, interpolation=cv2.INTER_LINEAR)
    assert np.abs(run((ResizeSide("longer", 20, "linear"),), image)[0] - expected).max() <= 1


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_middle_is_kept_and_what_lacks_is_black(size: tuple[int, int]) -> None:
    image = noise(*size)[0]
    expected = image
    for axis, target in enumerate((27, 32)):
        spare = expected.shape[axis] - target
        if spare >= 0:
            expected = np.take(expected, range(spare // 2, spare // 2 + target), axis)
        else:
            border = [(0, 0)] * 3
            border[axis] = (-spare // 2, -spare - -spare // 2)
            expected = np.pad(expected, border)
    assert np.array_equal(run((CentreCrop(27, 32),), image[None])[0], expected)


@pytest.mark.slow
def test_a_crop_is_that_of_keras() -> None:
    import keras

    image = noise(61, 44)
    expected = keras.layers.CenterCrop(27, 32)(image.astype(np.float32)).numpy()
    assert np.array_equal(run((CentreCrop(27, 32),), image), expected)


@pytest.mark.parametrize(("border", "how"), [("constant", cv2.BORDER_CONSTANT), ("replicate", cv2.BORDER_REPLICATE)])
def test_a_border_is_that_of_opencv(border: Border, how: int) -> None:
    image = noise(13, 9)
    value = 77 if border == "constant" else 0
    expected = cv2.copyMakeBorder(image[0], 1, 2, 3, 0, how, value=(value,) * 3)
    assert np.array_equal(run((Pad(1, 2, 3, 0, border, value),), image)[0], expected)


NORMAL = Standardise((0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
GREYISH = Pad(1, 1, 1, 1, "constant", 128)


@pytest.mark.parametrize(
    "steps",
    [
        (Scale(1 / 255), GREYISH),
        (SubtractMean((1.0, 2.0, 3.0)), GREYISH),
        (NORMAL, Pad(1, 0, 0, 0, "constant", 0)),
        (Scale(1 / 255), Fit(20, 20, "nearest", "constant", 128)),
        (Resize(20, 20, "area"), NORMAL, CentreCrop(20, 21)),
        (NORMAL, CentreCrop(20, 20)),
    ],
)
def test_a_border_of_levels_around_what_are_none_is_refused(steps: tuple[Step, ...]) -> None:
    with pytest.raises(
        UsageError, match=r"a border of level \d+ must come before scale, subtract_mean and standardise"
    ):
        run(steps, noise(9, 9))


@pytest.mark.parametrize(
    "steps",
    [
        (Resize(20, 20, "tf"), GREYISH),
        (Scale(1 / 255), Pad(1, 1, 1, 1, "constant", 0)),
        (Scale(1 / 255), CentreCrop(22, 22)),
        (NORMAL, Pad(1, 1, 1, 1, "replicate", 0)),
        (Resize(24, 24, "area"), NORMAL, CentreCrop(22, 22)),
    ],
)
def test_a_border_that_means_the_same_after_all_is_made(steps: tuple[Step, ...]) -> None:
    found = run((Resize(20, 20, "area"), *steps), noise(9, 9))[0]
    assert found.shape == (22, 22, 3)
    border = steps[-1]
    if isinstance(border, Pad) and border.border == "constant":
        assert (found[0] == border.value).all()
        assert (found[1:-1, 1:-1] != border.value).any()


def the_books_preprocess(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """Starter Bundle, chapter 21, written anew from its description: imutils.resize, border, cv2.resize."""
    h, w = image.shape[:2]
    if w > h:
        inner = cv2.resize(image, (width, int(h * (width / float(w)))), interpolation=cv2.INTER_AREA)
    else:
        inner = cv2.resize(image, (int(w * (height / float(h))), height), interpolation=cv2.INTER_AREA)
    across, down = (width - inner.shape[1]) // 2, (height - inner.shape[0]) // 2
    bordered = cv2.copyMakeBorder(inner, down, down, across, across, cv2.BORDER_REPLICATE)
    return cv2.resize(bordered, (width, height))


@pytest.mark.parametrize("size", [(40, 30), (30, 40), (31, 77), (14, 9), (28, 28), (5, 8), (97, 96), (1, 1)], ids=str)
def test_fit_is_the_books_captcha_helper(size: tuple[int, int]) -> None:
    image = noise(*size)
    found = run((Fit(28, 28, "area", "replicate", 0),), image)[0]
    assert np.abs(found - the_books_preprocess(image[0], 28, 28)).max() <= 1


@pytest.mark.parametrize("size", [(10, 12), (12, 10), (300, 3), (3, 300), (7, 7)], ids=str)
def test_fit_into_a_strip_leaves_nothing_out(size: tuple[int, int]) -> None:
    image = np.full((1, *size, 3), 200, np.uint8)
    found = run((Fit(20, 60, "area", "constant", 10),), image)[0]
    assert found.shape == (20, 60, 3)
    scale = min(20 / size[0], 60 / size[1])
    inside = max(1, int(size[0] * scale)) * max(1, int(size[1] * scale))
    # Whatever is brighter than the border comes from the picture; a pixel stretched away blurs one line.
    assert np.count_nonzero(found[:, :, 0] > 105) == pytest.approx(inside, abs=60)
