"""What a PNG holds beside its pixels does not reach the decoder, and changes none of them; Pillow says which."""

import zlib
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from edge.decode import decode_image
from edge.errors import ImageError
from edge.formats.png import without_text
from edge.image_header import read_header
from tests.edge.pictures import animation, encode, image, noise, orientation_tag, png, png_chunk, seen_by_pillow

RGB, RGBA = image(12, 20, 3), image(12, 20, 4)
PALETTE = RGB.quantize(16)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def texts() -> PngInfo:
    info = PngInfo()
    info.add_text("Title", "an eye")
    info.add_text("Comment", "spot " * 200, zip=True)
    info.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta/>", zip=True)
    return info


KINDS = {
    "colour": (RGB, {}),
    "grey": (RGB.convert("L"), {}),
    "alpha": (RGBA, {}),
    "palette": (PALETTE, {}),
    "palette-transparent": (PALETTE, {"transparency": bytes(range(0, 160, 10))}),
    "colour-transparent": (RGB, {"transparency": RGB.getpixel((0, 0))}),
    "turned": (RGB, {"exif": orientation_tag(6)}),
    "turned-alpha": (RGBA, {"exif": orientation_tag(8)}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_texts_and_a_profile_change_no_pixel(kind: str) -> None:
    picture, options = KINDS[kind]
    plain = encode(picture, "PNG", **options)
    encoded = encode(picture, "PNG", pnginfo=texts(), icc_profile=PROFILE, **options)
    assert all(name in encoded for name in (b"tEXt", b"zTXt", b"iTXt", b"iCCP"))
    assert without_text(encoded) == plain
    assert np.array_equal(decode_image(encoded).pixels, seen_by_pillow(encoded))


def test_texts_behind_the_pixels_and_bytes_behind_the_end_change_nothing() -> None:
    plain = png(noise(12, 20, 3))
    text = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"spot"))
    encoded = plain[:-12] + text + text + plain[-12:] + b"more"
    assert without_text(encoded) == plain + b"more"
    assert np.array_equal(decode_image(encoded).pixels, noise(12, 20, 3))


def test_the_texts_of_an_animation_change_nothing() -> None:
    encoded = animation("PNG", 4, pnginfo=texts())
    assert np.array_equal(decode_image(encoded).pixels, seen_by_pillow(encoded))
    with Image.open(BytesIO(without_text(encoded))) as opened:
        assert opened.n_frames == 3


def test_a_picture_without_texts_is_not_copied() -> None:
    assert not read_header(BytesIO(png(noise(12, 20, 3)))).has_text
    assert read_header(BytesIO(png(noise(12, 20, 3), png_chunk(b"tEXt", b"Title\0an eye")))).has_text


@pytest.mark.parametrize("length", [0, 12, 14, 1 << 26, (1 << 32) - 1])
def test_a_header_of_a_false_length_is_corrupt(length: int) -> None:
    encoded = png(noise(12, 20, 3), png_chunk(b"tEXt", b"Title\0an eye"))
    with pytest.raises(ImageError) as caught:
        decode_image(encoded[:8] + length.to_bytes(4, "big") + encoded[12:])
    assert caught.value.code == "corrupt"


@pytest.mark.parametrize("channels", [3, 4], ids=["plain", "unchanged"])
def test_the_decoder_is_given_no_text_to_inflate(monkeypatch: pytest.MonkeyPatch, channels: int) -> None:
    given = []

    def spy(name: str) -> None:
        decode = getattr(cv2, name)
        monkeypatch.setattr(
            cv2, name, lambda encoded, *a, **k: given.append(encoded.tobytes()) or decode(encoded, *a, **k)
        )

    spy("imdecode")
    spy("imdecodeWithMetadata")
    bomb = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(100_000)))
    samples = noise(12, 20, channels)
    decode_image(png(samples, *[bomb] * 20))
    assert given == [png(samples)]
