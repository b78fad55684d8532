"""Kinds of files that were once opened wrongly or refused: the right picture, or `unsupported_format`."""

import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.errors import ImageError
from edge.image import ImageHeader, decode_image, read_header
from edge.steps import CentreCrop, Fit, Resize, ResizeSide, Step
from tests.edge.pictures import (
    LONG,
    SHORT,
    encode,
    image,
    noise,
    orientation_tag,
    png,
    png_chunk,
    seen_by_pillow,
    tiff,
    tiff_of,
)

RGB = image(12, 20, 3)
PIXELS = np.asarray(RGB)
DEEP = PIXELS.astype(np.uint16) * 257


def code_of(encoded: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        decode_image(encoded)
    return caught.value.code


@pytest.mark.parametrize("marker", [b"\xdb", b"\xc4", b"\xda"], ids=["DQT", "DHT", "SOS"])
@pytest.mark.parametrize("stray", [b"\0", b"ab", bytes(64)])
def test_stray_bytes_between_the_segments_of_a_jpeg(marker: bytes, stray: bytes) -> None:
    whole = encode(RGB, "JPEG", quality=90)
    place = whole.index(b"\xff" + marker)
    assert np.array_equal(decode_image(whole[:place] + stray + whole[place:]).pixels, decode_image(whole).pixels)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_separate_planes_of_a_tiff(dtype: type, compression: str | None, byteorder: str) -> None:
    samples = PIXELS if dtype == np.uint8 else DEEP
    planes = np.moveaxis(samples, 2, 0)
    encoded = tiff(planes, photometric="rgb", planarconfig="separate", compression=compression, order=byteorder)
    for _ in range(3):
        assert np.array_equal(decode_image(encoded).pixels, PIXELS)


@pytest.mark.parametrize("tile", [None, (16, 16)], ids=["strips", "tiles"])
@pytest.mark.parametrize("pages", [1, 2])
@pytest.mark.parametrize("photometric", ["miniswhite", "minisblack"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_of_a_tiff(dtype: type, photometric: str, pages: int, tile: tuple[int, int] | None) -> None:
    levels = noise(12, 20)
    samples = levels if dtype == np.uint8 else levels.astype(np.uint16) * 257
    samples = np.iinfo(dtype).max - samples if photometric == "miniswhite" else samples
    encoded = tiff(samples.astype(dtype), pages, photometric=photometric, tile=tile)
    assert np.array_equal(decode_image(encoded).pixels, np.dstack([levels] * 3))


def test_grey_of_a_big_endian_tiff_where_white_is_zero_is_no_negative() -> None:
    assert code_of(tiff(65535 - noise(12, 20).astype(np.uint16), photometric="miniswhite", order=">")) == (
        "unsupported_format"
    )


@pytest.mark.parametrize("pages", [1, 2])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64, np.int8, np.int16, np.int32, np.uint32])
def test_samples_that_are_no_unsigned_bytes_are_refused(dtype: type, channels: int, pages: int) -> None:
    samples = noise(12, 20, channels).astype(dtype)
    photometric = "minisblack" if channels == 1 else "rgb"
    extra = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    encoded = tiff(samples[..., 0] if channels == 1 else samples, pages, photometric=photometric, **extra)
    assert code_of(encoded) == "unsupported_format"


def small_tiff(bits: int, photometric: int, rows: np.ndarray, pages: int, colours: np.ndarray | None = None) -> bytes:
    """A TIFF of levels or indices [H, W] of `bits` each, in as many pages, each with the same pixels."""
    height, width = rows.shape
    packed = np.packbits(np.unpackbits(rows[..., None], axis=2)[..., 8 - bits :].reshape(height, -1), axis=1).tobytes()
    colormap = b"" if colours is None else (colours.T.astype("<u2") * 257).tobytes()
    values = [
        (256, width),
        (257, height),
        (258, bits),
        (259, 1),
        (262, photometric),
        (273, 512),
        (277, 1),
        (278, height),
    ]
    entries = [(tag, LONG, 1, struct.pack("<I", value)) for tag, value in (*values, (279, len(packed)))]
    if colours is not None:
        entries.append((320, SHORT, colours.size, struct.pack("<I", 512 + len(packed))))
    whole = tiff_of(entries).ljust(512, b"\0") + packed + colormap
    directory = 8, 8 + 2 + 12 * len(entries)
    for _ in range(pages - 1):
        again = whole[directory[0] : directory[1]] + bytes(4)
        whole = whole[: directory[1]] + struct.pack("<I", len(whole)) + whole[directory[1] + 4 :] + again
    return whole


@pytest.mark.parametrize("pages", [1, 2])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_the_colours_of_a_palette_stay(bits: int, pages: int) -> None:
    colours, indices = noise(2**bits, 3, seed=1), noise(12, 24) >> (8 - bits)
    assert np.array_equal(decode_image(small_tiff(bits, 3, indices, pages, colours)).pixels, colours[indices])


@pytest.mark.parametrize("photometric", [0, 1], ids=["white is zero", "black is zero"])
@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_of_few_bits(bits: int, photometric: int) -> None:
    levels = noise(12, 24) >> (8 - bits)
    stored = levels if photometric else 2**bits - 1 - levels
    expected = levels * (255 // (2**bits - 1))
    assert np.array_equal(decode_image(small_tiff(bits, photometric, stored, 2)).pixels[..., 0], expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_cmyk_of_a_tiff(dtype: type) -> None:
    inks = np.asarray(RGB.convert("CMYK"))
    samples = inks if dtype == np.uint8 else inks.astype(np.uint16) * 257
    assert np.array_equal(decode_image(tiff(samples, photometric="separated")).pixels, PIXELS)


def test_a_raw_camera_file_is_not_its_preview() -> None:
    dng = tiff(noise(12, 24), photometric="minisblack", extratags=[(50706, 1, 4, b"\1\4\0\0", True)])
    assert code_of(dng) == "unsupported_format"
    assert code_of(tiff(noise(12, 24), photometric="minisblack", subfiletype=1)) == "unsupported_format"


@pytest.mark.parametrize("most", [1, 3, 15, 100, 255])
@pytest.mark.parametrize("binary", [True, False], ids=["binary", "ascii"])
def test_the_maximum_of_a_pgm_is_white(binary: bool, most: int) -> None:
    levels = noise(12, 20) % most
    head = b"%s\n20 12\n%d\n" % (b"P5" if binary else b"P2", most)
    encoded = head + (levels.tobytes() if binary else b" ".join(b"%d" % v for v in levels.ravel()) + b"\n")
    difference = decode_image(encoded).pixels[..., 0] - levels * (255 / most)
    assert np.abs(difference).max() < 0.51


def test_a_transparent_first_frame_of_a_gif_is_white() -> None:
    first = Image.new("P", (20, 12), 1)
    first.putpalette([255, 0, 0, 0, 0, 0])
    last = Image.new("P", (20, 12), 0)
    last.putpalette([255, 0, 0, 0, 0, 0])
    encoded = encode(first, "GIF", save_all=True, append_images=[last], transparency=1, disposal=0, optimize=False)
    assert (decode_image(encoded).pixels == 255).all()


def test_what_a_small_first_frame_of_a_gif_leaves_out_is_white() -> None:
    whole = encode(Image.new("RGB", (4, 4), "red").quantize(2), "GIF")
    larger = whole[:6] + struct.pack("<HH", 10, 8) + whole[10:]
    expected = np.full((8, 10, 3), 255, np.uint8)
    expected[:4, :4] = (255, 0, 0)
    assert np.array_equal(decode_image(larger).pixels, expected)


@pytest.mark.parametrize("disposal", range(8))
def test_a_gif_may_have_any_disposal(disposal: int) -> None:
    whole = bytearray(encode(RGB.quantize(16), "GIF", disposal=2, save_all=True))
    place = whole.index(b"\x21\xf9\x04") + 3
    whole[place] = disposal << 2
    assert np.array_equal(decode_image(bytes(whole)).pixels, seen_by_pillow(encode(RGB.quantize(16), "GIF")))


@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_block_of_a_webp_may_have_a_prefix(orientation: int, channels: int, prefix: bytes) -> None:
    pixels = noise(12, 20, 4)
    pixels[..., 3] = np.where(pixels[..., 3] < 128, 0, 255)
    block = prefix + orientation_tag(orientation).tobytes().removeprefix(b"Exif\0\0")
    encoded = encode(Image.fromarray(pixels[..., :channels]), "WEBP", lossless=True, exact=True, exif=block)
    assert np.array_equal(decode_image(encoded).pixels, seen_by_pillow(encoded))


def test_exif_that_is_damaged_is_passed_over() -> None:
    for block in (b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0no directory"):
        assert np.array_equal(decode_image(encode(RGB, "PNG", exif=block)).pixels, PIXELS)


@pytest.mark.parametrize("bits", [2, 4])
def test_a_transparent_level_of_a_png_of_few_bits_is_white(bits: int) -> None:
    levels = noise(12, 24) >> (8 - bits)
    packed = np.packbits(np.unpackbits(levels[..., None], axis=2)[..., 8 - bits :].reshape(12, -1), axis=1)
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 24, 12, bits, 0, 0, 0, 0))
    pixels = png_chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in packed)))
    encoded = png(PIXELS)[:8] + header + png_chunk(b"tRNS", b"\0\1") + pixels + png_chunk(b"IEND")
    expected = np.where(levels == 1, 255, levels * (255 // (2**bits - 1)))
    assert np.array_equal(decode_image(encoded).pixels[..., 0], expected)


def test_a_transparent_colour_of_sixteen_bits_is_refused() -> None:
    assert code_of(png(DEEP, png_chunk(b"tRNS", bytes(6)))) == "unsupported_format"


@pytest.mark.parametrize("name", [b"tEXt", b"zTXt", b"iTXt", b"iCCP"])
def test_a_large_text_or_profile_of_a_png_is_left_out(name: bytes) -> None:
    large = zlib.compress(bytes(8 << 20))
    text = b"k\0" + {b"tEXt": bytes(8 << 20), b"iTXt": b"\1\0\0\0" + large}.get(name, b"\0" + large)
    assert np.array_equal(decode_image(png(PIXELS, png_chunk(name, text))).pixels, PIXELS)


def changed(encoded: bytes, **bytes_at: int) -> bytes:
    """The same with other bytes: `_20=8` makes that at place 20 an 8."""
    content = bytearray(encoded)
    for place, value in bytes_at.items():
        content[int(place[1:])] = value
    return bytes(content)


def frame(encoded: bytes, **bytes_behind: int) -> bytes:
    """A JPEG with other bytes behind the marker of its frame."""
    place = encoded.index(b"\xff\xc0")
    return changed(encoded, **{f"_{place + int(at[1:])}": value for at, value in bytes_behind.items()})


JPEG, BMP = encode(RGB, "JPEG"), encode(RGB, "BMP")
UNSUPPORTED = {
    "jpeg of 12 bits": frame(JPEG, _4=12),
    "jpeg without loss": frame(JPEG, _1=0xC3),
    "jpeg of differences": frame(JPEG, _1=0xC5),
    "jpeg of two channels": frame(JPEG, _9=2),
    "bmp of jpeg": changed(BMP, _30=4),
    "bmp of png": changed(BMP, _30=5),
    "bmp of 64 bits": changed(BMP, _28=64),
    "bmp of a header of 16 bytes": changed(BMP, _14=16),
    "tiff of 3 bits": small_tiff(4, 1, noise(12, 24) >> 4, 1).replace(b"\2\1\4\0\1\0\0\0\4", b"\2\1\4\0\1\0\0\0\3"),
    "tiff of 8 bits in 2 channels, one deep": tiff(noise(12, 20, 2).astype(np.uint16), extrasamples=["unassalpha"]),
    "tiff of jpeg xl": tiff(noise(12, 20)).replace(
        struct.pack("<HHIHH", 259, 3, 1, 1, 0), struct.pack("<HHII", 259, 3, 1, 50002)
    ),
    "tiff of lab": tiff(PIXELS, photometric="cielab"),
    "jpeg 2000": encode(RGB, "JPEG2000"),
    "jpeg xl": b"\xff\x0a" + bytes(60),
    "jpeg xl in a container": b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(60),
    "jpeg xr": b"II\xbc\1" + bytes(60),
    "pam": b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\nabc",
    "pfm": b"Pf\n1 1\n-1.0\nabcd",
    "pdf": b"%PDF-1.7\n",
    "psd": b"8BPS\0\1",
    "raw by canon": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(40),
}


@pytest.mark.parametrize("kind", UNSUPPORTED)
def test_a_valid_file_of_a_kind_that_is_not_decoded_is_not_called_corrupt(kind: str) -> None:
    assert code_of(UNSUPPORTED[kind]) == "unsupported_format"


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_avif(channels: int) -> None:
    encoded = encode(image(12, 20, channels) if channels > 1 else image(12, 20), "AVIF", quality=100)
    assert np.array_equal(decode_image(encoded).pixels, seen_by_pillow(encoded))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_avif_is_turned(orientation: int) -> None:
    encoded = encode(RGB, "AVIF", exif=orientation_tag(orientation))
    assert np.array_equal(decode_image(encoded).pixels, seen_by_pillow(encoded))


def test_heic_names_the_extra_that_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pi_heif", None)
    with pytest.raises(ImageError, match=r"eyespot\[heif\]") as caught:
        decode_image(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))
    assert caught.value.code == "unsupported_format"


def test_heic_is_decoded_with_its_extra() -> None:
    pytest.importorskip("pi_heif")
    heic = (Path(__file__).parent.parent / "data" / "three-colours.heic").read_bytes()
    pixels = decode_image(heic).pixels
    assert pixels.shape == (64, 96, 3)
    for index, colour in enumerate([(255, 0, 0), (0, 255, 0), (0, 0, 255)]):
        assert np.abs(pixels[:, 32 * index + 8 : 32 * index + 24].mean(axis=(0, 1)) - colour).max() < 8
    assert code_of(heic[: len(heic) // 2]) == "corrupt"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF"])
def test_a_header_says_format_and_size(kind: str) -> None:
    assert read_header(BytesIO(encode(RGB, kind))) == ImageHeader(kind, 20, 12)


def test_a_progressive_jpeg_is_one() -> None:
    assert read_header(BytesIO(encode(RGB, "JPEG", progressive=True))).progressive


@pytest.mark.parametrize(
    ("width", "height", "first", "shape"),
    [
        (63, 640, Resize(32, 32, "area"), (640, 63)),
        (64, 64, Resize(32, 32, "area"), (32, 32)),
        (256, 512, Resize(32, 32, "area"), (64, 32)),
        (1000, 800, Resize(32, 400, "area"), (400, 500)),
        (1000, 800, Fit(100, 400, "area", "constant", 0), (400, 500)),
        (1000, 800, ResizeSide("shorter", 400, "area"), (400, 500)),
        (1000, 800, ResizeSide("longer", 250, "area"), (200, 250)),
        (1000, 800, CentreCrop(32, 32), (800, 1000)),
    ],
)
def test_a_jpeg_may_be_shrunk_to_no_less_than_a_step_needs(
    width: int, height: int, first: Step, shape: tuple[int, int]
) -> None:
    picture = RGB.resize((width, height))
    assert decode_image(encode(picture, "JPEG"), shrink_for=first).pixels.shape == (*shape, 3)
    assert decode_image(encode(picture, "PNG"), shrink_for=first).pixels.shape == (height, width, 3)


def test_what_is_shrunk_is_turned_and_is_what_pillow_drafts() -> None:
    encoded = encode(RGB.resize((640, 480)), "JPEG", quality=95, exif=orientation_tag(6))
    drafted = Image.open(BytesIO(encoded))
    drafted.draft("RGB", (80, 60))
    expected = np.rot90(np.asarray(drafted), -1)
    assert np.array_equal(decode_image(encoded, shrink_for=Resize(32, 32, "area")).pixels, expected)
