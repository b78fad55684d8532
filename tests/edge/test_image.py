"""Every kind of input has one defined result; Pillow and NumPy say which."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from edge.image import decode_image, read_image
from tests.edge.pictures import (
    animation,
    encode,
    image,
    noise,
    orientation_tag,
    over_white,
    png,
    png_chunk,
    seen_by_pillow,
    tiff,
)

RGB, RGBA = image(12, 20, 3), image(12, 20, 4)
GREY, PALETTE, ONE_BIT = RGB.convert("L"), RGB.quantize(16), RGB.convert("1")

EXACT = {
    "jpeg": encode(RGB, "JPEG", quality=90),
    "jpeg-progressive": encode(RGB, "JPEG", quality=90, progressive=True),
    "jpeg-full-colour": encode(RGB, "JPEG", quality=95, subsampling=0),
    "jpeg-stored-as-rgb": encode(RGB, "JPEG", quality=95, keep_rgb=True),
    "jpeg-grey": encode(GREY, "JPEG"),
    "png": encode(RGB, "PNG"),
    "png-grey": encode(GREY, "PNG"),
    "png-grey-alpha": encode(RGBA.convert("LA"), "PNG"),
    "png-alpha": encode(RGBA, "PNG"),
    "png-1-bit": encode(ONE_BIT, "PNG"),
    "png-palette": encode(PALETTE, "PNG"),
    "png-palette-2-bit": encode(RGB.quantize(4), "PNG", bits=2),
    "png-palette-one-transparent": encode(PALETTE, "PNG", transparency=3),
    "png-palette-many-transparent": encode(PALETTE, "PNG", transparency=bytes(range(0, 160, 10))),
    "png-colour-transparent": encode(RGB, "PNG", transparency=RGB.getpixel((0, 0))),
    "png-grey-transparent": encode(GREY, "PNG", transparency=GREY.getpixel((0, 0))),
    "png-1-bit-transparent": encode(ONE_BIT, "PNG", transparency=0),
    "gif": encode(PALETTE, "GIF"),
    "gif-interlaced": encode(PALETTE, "GIF", interlace=1),
    "gif-transparent": encode(PALETTE, "GIF", transparency=3),
    "webp": encode(RGB, "WEBP", quality=90),
    "webp-lossless": encode(RGB, "WEBP", lossless=True),
    "webp-alpha": encode(RGBA, "WEBP", quality=90),
    "webp-lossless-alpha": encode(RGBA, "WEBP", lossless=True),
    "tiff": encode(RGB, "TIFF"),
    "tiff-grey": encode(GREY, "TIFF"),
    "tiff-palette": encode(PALETTE, "TIFF"),
    "tiff-1-bit": encode(ONE_BIT, "TIFF"),
    "tiff-fax": encode(ONE_BIT, "TIFF", compression="group4"),
    "tiff-lzw": encode(RGB, "TIFF", compression="tiff_lzw"),
    "tiff-deflate": encode(RGB, "TIFF", compression="tiff_adobe_deflate"),
    "tiff-cmyk": encode(RGB.convert("CMYK"), "TIFF"),
    "tiff-white-is-zero": tiff(noise(12, 20, 1), photometric="miniswhite"),
    "tiff-big-endian": tiff(noise(12, 20, 3), order=">"),
    "bmp": encode(RGB, "BMP"),
    "bmp-grey": encode(GREY, "BMP"),
    "bmp-palette": encode(PALETTE, "BMP"),
    "bmp-1-bit": encode(ONE_BIT, "BMP"),
    "ppm": encode(RGB, "PPM"),
    "pgm": encode(GREY, "PPM"),
    "pbm": encode(ONE_BIT, "PPM"),
    "pgm-100-is-white": b"P5\n4 3\n100\n" + bytes(range(0, 96, 8)),
    "pgm-text": b"P2\n# three rows\n4 3\n255\n" + b" ".join(b"%d" % (20 * i) for i in range(12)) + b"\n",
}


@pytest.mark.parametrize("kind", EXACT)
def test_a_picture_is_what_pillow_has(kind: str) -> None:
    decoded = decode_image(EXACT[kind])
    assert decoded.pixels.dtype == np.uint8
    assert decoded.note is None
    # Pillow and OpenCV decode JPEG and WebP with the same two libraries, all else is without loss.
    assert np.array_equal(decoded.pixels, seen_by_pillow(EXACT[kind]))


def test_cmyk_jpeg_is_what_pillow_has() -> None:
    encoded = encode(image(64, 64, 4).convert("RGB").convert("CMYK"), "JPEG", quality=95)
    difference = decode_image(encoded).pixels - seen_by_pillow(encoded).astype(int)
    # Of the product of ink and black one rounds, the other cuts off: one level.
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("channels", [3, 4], ids=["opaque", "alpha"])
@pytest.mark.parametrize("format_", ["PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_applied(format_: str, channels: int, orientation: int) -> None:
    pixels = noise(12, 20, 4)
    # Either all or nothing, so that this test is about orientation and not about the rounding of alpha.
    pixels[..., 3] = np.where(pixels[..., 3] < 128, 0, 255)
    picture = Image.fromarray(pixels[..., :channels])
    options = {"lossless": True} if format_ == "WEBP" else {}
    encoded = encode(picture, format_, exif=orientation_tag(orientation), **options)
    decoded = decode_image(encoded).pixels
    assert decoded.shape == ((20, 12, 3) if orientation >= 5 else (12, 20, 3))
    assert np.array_equal(decoded, seen_by_pillow(encoded))


def test_alpha_is_laid_over_white_for_every_level_and_alpha() -> None:
    levels, alpha = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    decoded = decode_image(png(np.stack([levels, alpha], axis=2))).pixels
    assert np.array_equal(decoded, over_white(levels[..., None], alpha[..., None]))


@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
@pytest.mark.parametrize("bits", [8, 16])
def test_unassociated_alpha_of_a_tiff_is_laid_over_white(bits: int, order: str) -> None:
    samples = noise(12, 20, 4, dtype=np.uint8 if bits == 8 else np.uint16)
    upper = (samples >> (bits - 8)).astype(np.uint8)
    decoded = decode_image(tiff(samples, order=order, extrasamples=["unassalpha"])).pixels
    # Pillow rounds once more on the way: one level.
    assert np.abs(decoded - over_white(upper[..., :3], upper[..., 3:]).astype(int)).max() <= 1


@pytest.mark.parametrize("bits", [8, 16])
def test_associated_alpha_of_a_tiff_is_laid_over_white(bits: int) -> None:
    whole = noise(12, 20, 4, dtype=np.uint8 if bits == 8 else np.uint16)
    alpha = whole[..., 3:] / float(np.iinfo(whole.dtype).max)
    samples = np.concatenate([np.rint(whole[..., :3] * alpha).astype(whole.dtype), whole[..., 3:]], axis=2)
    upper = (samples >> (bits - 8)).astype(int)
    expected = np.minimum(upper[..., :3] + 255 - upper[..., 3:], 255)
    # Cutting colour and alpha to 8 bits apart from each other may cost a level.
    assert np.abs(decode_image(tiff(samples, extrasamples=["assocalpha"])).pixels - expected).max() <= 1


def test_alpha_of_a_bmp_is_ignored() -> None:
    assert np.array_equal(decode_image(encode(RGBA, "BMP")).pixels, np.asarray(RGBA)[..., :3])


@pytest.mark.parametrize("channels", [1, 3], ids=["grey", "colour"])
@pytest.mark.parametrize("make", [png, tiff, lambda samples: tiff(samples, order=">")], ids=["png", "tiff", "tiff-big"])
def test_sixteen_bits_are_cut_to_the_upper_eight(make: Callable[[np.ndarray], bytes], channels: int) -> None:
    samples = noise(64, 64, channels, dtype=np.uint16)
    expected = np.broadcast_to(samples >> 8, (64, 64, 3))
    assert np.array_equal(decode_image(make(samples)).pixels, expected)


@pytest.mark.parametrize("channels", [2, 4], ids=["grey", "colour"])
def test_sixteen_bits_with_alpha_are_cut_and_then_laid_over_white(channels: int) -> None:
    samples = noise(64, 64, channels, dtype=np.uint16)
    upper = (samples >> 8).astype(np.uint8)
    assert np.array_equal(decode_image(png(samples)).pixels, over_white(upper[..., :-1], upper[..., -1:]))


def test_a_transparent_level_of_sixteen_bits_is_white() -> None:
    samples = noise(12, 20, 1, dtype=np.uint16)
    transparent = png_chunk(b"tRNS", samples[4, 7].astype(">u2").tobytes())
    expected = np.broadcast_to(samples >> 8, (12, 20, 3)).copy()
    expected[4, 7] = 255
    assert np.array_equal(decode_image(png(samples, transparent)).pixels, expected)


@pytest.mark.parametrize("channels", [3, 4], ids=["opaque", "alpha"])
@pytest.mark.parametrize(("format_", "name"), [("GIF", "GIF"), ("WEBP", "WebP"), ("PNG", "PNG")])
def test_of_an_animation_the_first_picture_counts_and_is_noted(format_: str, name: str, channels: int) -> None:
    encoded = animation(format_, channels)
    decoded = decode_image(encoded)
    assert np.array_equal(decoded.pixels, seen_by_pillow(encoded))
    assert decoded.note == f"first picture of several in this {name}"


def test_of_several_pages_the_first_counts_and_is_noted() -> None:
    decoded = decode_image(animation("TIFF"))
    assert np.array_equal(decoded.pixels, noise(12, 20, 3, seed=1))
    assert decoded.note == "first picture of several in this TIFF"


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_rows": 1}])
def test_a_jpeg_has_the_bits_that_opencv_gives(options: dict[str, object]) -> None:
    encoded = encode(image(48, 64, 3), "JPEG", quality=90, **options)
    expected = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert np.array_equal(decode_image(encoded).pixels, expected)


@pytest.mark.parametrize("name", ["plain.png", "two words.png", "Ärger 猫.png", "no_suffix"])
def test_a_file_is_read_like_its_bytes(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(EXACT["png"])
    assert np.array_equal(read_image(path).pixels, np.asarray(RGB))
    assert np.array_equal(read_image(str(path)).pixels, np.asarray(RGB))
