"""Reduced JPEGs against Pillow, whose `draft` asks libjpeg for the same scaling, and the rule for when it is done."""

from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from edge.decode import decode_image
from edge.errors import ImageError, UsageError
from edge.fast_decode import decode_reduced, reduction, require_reducible
from edge.formats.header import ImageHeader
from edge.steps import CentreCrop, Fit, Grey, Resize, ResizeSide, Step
from tests.edge.pictures import encode, orientation_tag

SMALL = Resize(32, 32, "area")


def photo(width: int = 640, height: int = 480) -> Image.Image:
    levels = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    return Image.fromarray(cv2.resize(levels, (width, height), interpolation=cv2.INTER_CUBIC))


@pytest.mark.parametrize(
    ("width", "height", "first", "factor"),
    [
        (63, 640, SMALL, 1),
        (64, 64, SMALL, 2),
        (64, 640, SMALL, 2),
        (128, 640, SMALL, 4),
        (256, 256, SMALL, 8),
        (4000, 3000, SMALL, 8),
        (4000, 3000, Resize(224, 224, "area"), 8),
        (4000, 3000, Resize(32, 1000, "area"), 2),
        (4000, 3000, Resize(32, 2000, "area"), 1),
        (4000, 3000, Fit(1000, 500, "area", "constant", 0), 2),
        (4000, 3000, ResizeSide("shorter", 1500, "area"), 2),
        (4000, 3000, ResizeSide("longer", 1000, "area"), 4),
        (4000, 3000, CentreCrop(32, 32), 1),
    ],
)
def test_the_picture_stays_at_least_as_large_as_the_step_wants(
    width: int, height: int, first: Step, factor: int
) -> None:
    assert reduction(ImageHeader("JPEG", width, height), first) == factor
    assert reduction(ImageHeader("JPEG", height, width), first) == factor
    assert reduction(ImageHeader("PNG", width, height), first) == 1


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_pixels_are_those_of_libjpeg(factor: int) -> None:
    encoded = encode(photo(), "JPEG", quality=95)
    side = 480 // factor
    drafted = Image.open(BytesIO(encoded))
    drafted.draft("RGB", (640 // factor, side))
    expected = np.asarray(drafted.convert("RGB"), np.int16)
    found = decode_reduced(encoded, Resize(side, side, "area")).pixels
    assert found.shape == expected.shape
    assert found.dtype == np.uint8
    # Two builds of libjpeg-turbo may choose other upsampling of the colours.
    assert np.abs(found - expected).mean() < 1.5


def test_the_orientation_is_applied() -> None:
    encoded = encode(photo(), "JPEG", quality=95, exif=orientation_tag(6))
    found, full = decode_reduced(encoded, SMALL).pixels, decode_image(encoded).pixels
    assert found.shape == (80, 60, 3)
    small = cv2.resize(full, (60, 80), interpolation=cv2.INTER_AREA)
    assert np.abs(found.astype(np.int16) - small).mean() < 3


def test_what_is_no_jpeg_or_too_small_is_decoded_as_ever() -> None:
    for encoded in (encode(photo(), "PNG"), encode(photo(63, 63), "JPEG")):
        assert np.array_equal(decode_reduced(encoded, SMALL).pixels, decode_image(encoded).pixels)


@pytest.mark.parametrize(
    ("encoded", "max_pixels", "code"),
    [
        (encode(photo(), "JPEG")[:-2000], 1 << 20, "corrupt"),
        (encode(photo(), "JPEG"), 1000, "too_many_pixels"),
        (b"no picture", 1000, "not_an_image"),
        (b"", 1000, "empty"),
    ],
)
def test_errors_are_those_of_the_decoder(encoded: bytes, max_pixels: int, code: str) -> None:
    for decode in (lambda: decode_reduced(encoded, SMALL, max_pixels), lambda: decode_image(encoded, max_pixels)):
        with pytest.raises(ImageError) as caught:
            decode()
        assert caught.value.code == code


def test_a_model_that_does_not_begin_with_a_resize_is_refused() -> None:
    require_reducible(SMALL)
    for step in (Grey(), CentreCrop(32, 32)):
        with pytest.raises(UsageError, match=f"begins with '{step.kind}'"):
            require_reducible(step)
