"""The image decoder of training, serving and edge: encoded bytes in, uint8 RGB out. Pillow opens every file.

OpenCV is a little faster with JPEG, but decodes half of a damaged file that Pillow refuses.

- EXIF orientation is applied; colour profiles are not.
- Grey becomes three equal channels, palettes become their colours, CMYK is converted as Pillow does.
- Transparency is laid over white, as in a browser. The alpha of BMP is ignored.
- 16 bits a channel are cut to the upper 8; the depths of PNM are scaled to 0 to 255. Floats and signed integers are
  refused.
- Of an animation or several pages the first picture is decoded, with a note; where the first frame of a GIF is smaller
  than the canvas, the rest is white.
- A file that ends early is an error.
"""

import os
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from stat import S_ISREG
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from edge.errors import ImageError, reason_of
from edge.steps import Step, shrink_factor

MAX_PIXELS = 100_000_000
# What the file of an image may have: 16 bits in four channels for each pixel, and room for previews and profiles.
BYTES_PER_PIXEL, METADATA_BYTES = 8, 64 << 20
# Encoders write about twenty scans. A dozen bytes are a scan of the whole picture, so that a megabyte of them would
# keep the decoder busy for hours.
MOST_SCANS = 100
START_BYTES = 32  # enough to recognise a format
BAND_PIXELS = 1 << 20  # converted at once, since that takes several times their memory

# The limits of this module apply before anything is decoded; Pillow would warn above 89 megapixels.
Image.MAX_IMAGE_PIXELS = None
warnings.filterwarnings("ignore", module=r"PIL\.")  # about damaged metadata

MAGIC = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"BM": "BMP",
    **dict.fromkeys((b"GIF87a", b"GIF89a"), "GIF"),
    **dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "TIFF"),
    **dict.fromkeys((b"P1", b"P2", b"P3", b"P4", b"P5", b"P6"), "PPM"),
}
REFUSED_MAGIC = {
    **dict.fromkeys((b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"), "JPEG 2000"),
    **dict.fromkeys((b"\0\0\0\x0cJXL ", b"\xff\x0a"), "JPEG XL"),
    **dict.fromkeys((b"IIRO", b"IIU\0"), "raw camera"),
    **dict.fromkeys((b"Pf", b"PF"), "PFM"),
    b"II\xbc\x01": "JPEG XR",
    b"P7": "PAM",
    b"%PDF": "PDF",
    b"8BPS": "PSD",
    b"\0\0\1\0": "ICO",
}
AVIF_BRANDS = (b"avif", b"avis")
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
NAMES = {"WEBP": "WebP"}
# How the modules of Pillow spell the formats.
PLUGINS = {kind: kind.capitalize() for kind in ("JPEG", "PNG", "BMP", "GIF", "PPM", "TIFF", "AVIF")} | {"WEBP": "WebP"}

# PNG (https://www.w3.org/TR/png-3/): the places of the first chunk, and of the bit depth in it.
CHUNKS_AT, BITS_AT = 8, 24
MOST_CHUNKS = 1 << 18  # encoders cut the pixels into chunks of 8 KiB or more
# Pillow unpacks them, up to 64 MB for a file of 64 KB, or refuses the picture.
LEFT_OUT = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")

# What Pillow raises for damaged metadata, or a damaged picture after the first.
DAMAGED = (SyntaxError, struct.error, ValueError, TypeError, LookupError, OverflowError, OSError, EOFError)


@dataclass(frozen=True)
class DecodedImage:
    """Pixels, uint8 RGB [H, W, 3], and a note where the file holds more pictures."""

    pixels: NDArray[np.uint8]
    note: str | None


@dataclass(frozen=True)
class ImageHeader:
    """The format of a file (JPEG, PNG, GIF, WEBP, BMP, TIFF, PPM, AVIF or HEIF), and its size in pixels."""

    format: str
    width: int
    height: int
    progressive: bool = False


def read_image(
    path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS, shrink_for: Step | None = None
) -> DecodedImage:
    """Return the image in the file at `path`, as `decode_image` does. Raises ImageError."""
    with opened_image(path) as stream:
        return _decode(stream, max_pixels, shrink_for)


def decode_image(encoded: bytes, max_pixels: int = MAX_PIXELS, shrink_for: Step | None = None) -> DecodedImage:
    """Return the image in `encoded`, as the module describes. Raises ImageError with one of its codes.

    With `shrink_for`, the first step of a preprocessing, a JPEG is decoded at 1/2, 1/4 or 1/8 of its size where that is
    enough for the step: faster, with slightly different pixels.
    """
    return _decode(BytesIO(encoded), max_pixels, shrink_for)


def read_header(stream: BinaryIO) -> ImageHeader:
    """Return the header of `stream` (seekable, at its start), before anything is decoded. Raises ImageError."""
    kind = _recognise(stream.read(START_BYTES))
    image = _open(stream, kind)
    return ImageHeader(kind, image.width, image.height, bool(image.info.get("progressive")))


def most_bytes(pixels: int) -> int:
    """Return how many bytes the file of an image with `pixels` may have."""
    return pixels * BYTES_PER_PIXEL + METADATA_BYTES


@contextmanager
def opened_image(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Yield the regular file at `path`. Raises ImageError, also for an error while it is read in the block."""
    try:
        # Without O_NONBLOCK opening a named pipe would wait for its writer.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as stream:
            if not S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise ImageError("unreadable", "this is not a regular file")
            yield stream
    except FileNotFoundError:
        raise ImageError("not_found", "there is no such file") from None
    except OSError as error:
        raise ImageError("unreadable", f"the file cannot be read ({error.strerror})") from None
    except ValueError as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError("not_found", f"no file can have this name ({error})") from None


def _decode(stream: BinaryIO, max_pixels: int, shrink_for: Step | None) -> DecodedImage:
    kind = _recognise(stream.read(START_BYTES))
    size_bytes = stream.seek(0, os.SEEK_END)
    _require_bytes(size_bytes, max_pixels)  # some formats are read whole to open them
    image = _open(stream, kind)
    width, height = image.size
    if (pixels := width * height) > max_pixels:
        claimed = f"{width} x {height} = {pixels:,} pixels"
        raise ImageError("too_many_pixels", f"the header claims {claimed}; the limit is {max_pixels:,}")
    _require_bytes(size_bytes, pixels)
    if kind == "JPEG":
        if image.info.get("progressive"):
            from edge.formats import count_scans

            stream.seek(0)
            if (scans := count_scans(stream.read())) > MOST_SCANS:
                raise ImageError("corrupt", f"the JPEG has {scans:,} scans; {MOST_SCANS} are the limit")
        if shrink_for and (factor := shrink_factor(shrink_for, width, height)) > 1:
            image.draft(image.mode, (max(width // factor, 1), max(height // factor, 1)))
    try:
        decoded = _pixels(image, kind)
        try:
            several = kind != "JPEG" and getattr(image, "is_animated", False)
        except DAMAGED:  # there is something after the first picture
            several = True
    except ImageError:
        raise
    except Exception as error:  # noqa: BLE001 # Pillow's decoders share no base class; one image is one answer
        raise _failed(stream, kind, error) from None
    return DecodedImage(decoded, f"first picture of several in this {NAMES.get(kind, kind)}" if several else None)


def _require_bytes(size_bytes: int, pixels: int) -> None:
    if size_bytes > most_bytes(pixels):
        raise ImageError("too_many_bytes", f"{size_bytes:,} bytes are more than {pixels:,} pixels can need")


def from_pillow(image: Image.Image) -> DecodedImage:
    """Return a picture that Pillow has opened, as `decode_image` would return its file. Raises ImageError."""
    if image.mode in ("I", "F"):
        raise ImageError("unsupported_format", f"a Pillow image of mode {image.mode} is not supported; convert to RGB")
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I;16"):
        deep = np.asarray(upright)[:, :, None]
        return DecodedImage(np.repeat((deep >> 8).astype(np.uint8), 3, axis=2), None)
    return DecodedImage(_as_seen(upright, image.format or ""), None)


def is_image_start(start: bytes) -> bool:
    """Whether a file that starts with these `START_BYTES` is an image, supported or not."""
    try:
        return bool(_recognise(start))
    except ImageError as error:
        return error.code == "unsupported_format"


def _recognise(start: bytes) -> str:
    """Return the format that a file with these first bytes has. Raises ImageError for one that is not decoded here."""
    if not start:
        raise ImageError("empty", "the file is empty")
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return "WEBP"
    if start[4:8] == b"ftyp":
        brands = [start[8:12], start[16:20], start[20:24], start[24:28]]  # the major one, then the compatible ones
        if brands[0] in AVIF_BRANDS or (brands[0] in (b"mif1", b"msf1") and set(brands) & set(AVIF_BRANDS)):
            return "AVIF"
        if brands[0] in HEIF_BRANDS:
            return "HEIF"
        if brands[0] == b"crx ":
            raise ImageError("unsupported_format", "raw camera images are not supported; convert to JPEG or PNG")
    for magic, kind in MAGIC.items():
        if start.startswith(magic):
            return kind
    for magic, name in REFUSED_MAGIC.items():
        if start.startswith(magic):
            raise ImageError("unsupported_format", f"{name} images are not supported; convert to JPEG or PNG")
    raise ImageError("not_an_image", "the content is not an image of a known format")


def _open(stream: BinaryIO, kind: str) -> Any:
    """Return Pillow's image, of which only the header was read. Raises ImageError."""
    if kind == "HEIF":
        try:
            import_module("pi_heif").register_heif_opener()
        except ImportError:
            remedy = "pip install 'eyespot[heif]'"
            raise ImageError("unsupported_format", f"HEIC images need the extra 'heif': {remedy}") from None
    else:  # Image.open would load those of five formats
        import_module(f"PIL.{PLUGINS[kind]}ImagePlugin")
    source = _without_text(stream) if kind == "PNG" else stream
    source.seek(0)
    try:
        image = Image.OPEN[kind][0](source, "")
    except Exception as error:  # noqa: BLE001 # Pillow's readers share no base class; one image is one answer
        raise _failed(stream, kind, error, opened=False) from None
    if min(image.size) < 1:
        raise ImageError("corrupt", f"the header claims {image.width} x {image.height} pixels")
    if kind == "TIFF":
        from edge.formats import prepare_tiff

        prepare_tiff(image)
    elif "transparency" in image.info and kind == "PNG" and image.mode in ("L", "RGB"):
        place = source.tell()
        source.seek(BITS_AT)
        (bits,) = source.read(1)
        source.seek(place)
        if image.mode == "L":  # to 8 bits, as Pillow does with the pixels
            image.info["transparency"] = image.info["transparency"] * 255 // (2**bits - 1)
        elif bits > 8:  # of which Pillow compares only the upper ones
            raise ImageError("unsupported_format", "PNG of 16 bits with a transparent colour is not supported")
    return image


def _without_text(stream: BinaryIO) -> BinaryIO:
    """Return a PNG without its texts and colour profile. Raises ImageError for one that ends early."""
    size = stream.seek(0, os.SEEK_END)
    kept, start, place, name, chunks = [], 0, CHUNKS_AT, b"", 0
    while name != b"IEND" and place + 8 <= size:
        stream.seek(place)
        length, name = struct.unpack(">I4s", stream.read(8))
        end, chunks = place + length + 12, chunks + 1
        if chunks > MOST_CHUNKS or not name.isalpha():
            raise ImageError("corrupt", "the PNG has too many chunks, or one with an invalid name")
        if name in LEFT_OUT:
            kept.append((start, place))
            start = end
        place = end
    if name != b"IEND":
        raise ImageError("corrupt", "the PNG is cut short")
    if not kept:
        return stream
    left = BytesIO()
    for begin, end in (*kept, (start, size)):
        stream.seek(begin)
        left.write(stream.read(max(end - begin, 0)))
    return left


def _failed(stream: BinaryIO, kind: str, error: Exception, opened: bool = True) -> ImageError:
    """Return the error for a file that Pillow could not open or decode: of an unknown kind, or corrupt."""
    if isinstance(error, OSError) and error.errno:
        return ImageError("unreadable", f"the file cannot be read ({error.strerror})")
    from edge.formats import is_unknown_kind

    stream.seek(0)
    if is_unknown_kind(kind, stream.read(), opened) or (kind == "HEIF" and "nsupported" in str(error)):
        return ImageError("unsupported_format", f"{kind} of this rare kind is not supported; convert to JPEG or PNG")
    return ImageError("corrupt", f"the {kind} is cut short or damaged ({reason_of(error)})")


def _pixels(image: Any, kind: str) -> NDArray[np.uint8]:
    """Return the decoded picture, upright, uint8 RGB [H, W, 3]."""
    if kind == "GIF" and not image.tile:
        raise ImageError("corrupt", "the GIF holds no picture")
    left, top, right, bottom = image.tile[0][1] if kind == "GIF" else (0, 0, *image.size)
    image.load()
    if kind != "TIFF" and "exif" in image.info:  # Pillow turns a TIFF while it loads it
        with suppress(*DAMAGED):
            ImageOps.exif_transpose(image, in_place=True)
    if image.mode == "RGB" and not image.has_transparency_data and kind != "GIF":
        return np.asarray(image)
    if kind != "GIF":
        right, bottom = image.size
    pixels = np.full((*image.size[::-1], 3), 255, np.uint8)
    rows = max(BAND_PIXELS // (right - left), 1)
    for start in range(top, bottom, rows):
        end = min(start + rows, bottom)
        band = image.crop((left, start, right, end))
        is_deep = band.mode.startswith("I")
        pixels[start:end, left:right] = _deep_grey(band, image, kind) if is_deep else _as_seen(band, kind)
    return pixels


def _deep_grey(band: Any, image: Any, kind: str) -> NDArray[np.uint8]:
    """Return a band of 16 bits of grey as uint8 [H, W, 1]."""
    deep = np.asarray(band)[:, :, None]
    if kind == "TIFF":
        from edge.formats import grey_levels

        return grey_levels(deep, image.tag_v2)
    return np.where(deep == image.info.get("transparency", -1), 255, deep >> 8).astype(np.uint8)


def _as_seen(band: Any, kind: str) -> NDArray[np.uint8]:
    """Return a band of a picture as uint8 RGB [H, W, 3], with transparency laid over white."""
    if not band.has_transparency_data or kind == "BMP":
        return np.asarray(band if band.mode == "RGB" else band.convert("RGB"))
    band = band.convert("LA" if band.mode == "La" else "RGBA").convert("RGBA")
    white = Image.new("RGB", band.size, "white")
    white.paste(band.convert("RGB"), mask=band.getchannel("A"))
    return np.asarray(white)
