"""Encoded pictures of every kind for the tests of the decoder: by Pillow, and byte by byte where Pillow cannot."""

import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
import tifffile
from PIL import Image, ImageOps

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
SHORT, LONG, LONG8 = 3, 4, 16  # types of TIFF entries


def noise(*shape: int, dtype: type = np.uint8, seed: int = 0) -> np.ndarray:
    """Random levels; every decoder must give back each of them."""
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def image(*shape: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(noise(*shape, seed=seed))


def encode(picture: Image.Image, format_: str, **options: Any) -> bytes:
    stream = BytesIO()
    picture.save(stream, format_, **options)
    return stream.getvalue()


def animation(format_: str, channels: int = 3, **options: Any) -> bytes:
    first, *others = (image(12, 20, channels, seed=seed) for seed in (1, 2, 3))
    lossless = {"lossless": True, "exact": True} if format_ == "WEBP" else {}
    return encode(first, format_, save_all=True, append_images=others, **lossless, **options)


def orientation_tag(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def seen_by_pillow(encoded: bytes) -> np.ndarray:
    """The first picture of a file as Pillow has it: turned by EXIF, laid over white, RGB."""
    picture = ImageOps.exif_transpose(Image.open(BytesIO(encoded)))
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA"))
    return np.asarray(picture.convert("RGB"))


def over_white(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """What NumPy has for 8-bit `colour` [H, W, C] under 8-bit `alpha` [H, W, 1]: RGB, to the nearest level."""
    laid = colour * (alpha / 255.0) + 255.0 * (1 - alpha / 255.0)
    return np.broadcast_to(np.rint(laid), (*laid.shape[:2], 3)).astype(np.uint8)


def png_chunk(name: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(samples: np.ndarray, *before_pixels: bytes) -> bytes:
    """A PNG of samples [H, W, C], uint8 or uint16, with more chunks in front of its pixels."""
    height, width, channels = samples.shape
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 8 * samples.itemsize, colour_type, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(samples.dtype.newbyteorder(">")).tobytes() for row in samples)
    pixels = png_chunk(b"IDAT", zlib.compress(rows))
    return PNG_MAGIC + png_chunk(b"IHDR", header) + b"".join(before_pixels) + pixels + png_chunk(b"IEND")


def grey(level: int) -> bytes:
    """A PNG of one level."""
    return png(np.full((9, 11, 3), level, np.uint8))


def tiff_of(entries: list[tuple[int, int, int, bytes]], rest: bytes = b"", order: str = "<") -> bytes:
    """A TIFF whose first directory, at byte 8, holds `entries` (tag, type, count, value) as they are given."""
    magic = b"II*\0" if order == "<" else b"MM\0*"
    packed = (struct.pack(f"{order}HHI", *entry[:3]) + entry[3].ljust(4, b"\0") for entry in entries)
    directory = struct.pack(f"{order}H", len(entries)) + b"".join(packed) + struct.pack(f"{order}I", 0)
    return magic + struct.pack(f"{order}I", 8) + directory + rest


def tiff(samples: np.ndarray, pages: int = 1, order: str = "<", **options: Any) -> bytes:
    """A TIFF by tifffile of samples [H, W, C], or whatever its options say, with equal pages."""
    if samples.ndim == 3 and "photometric" not in options:
        alpha = len(options.get("extrasamples", ()))
        options["photometric"] = "minisblack" if samples.shape[2] - alpha == 1 else "rgb"
    stream = BytesIO()
    with tifffile.TiffWriter(stream, byteorder=order) as writer:
        for _ in range(pages):
            writer.write(samples[..., 0] if samples.shape[2:] == (1,) else samples, metadata=None, **options)
    return stream.getvalue()


def whole_files() -> dict[str, bytes]:
    """One whole file of every format and kind that is read, each with a picture of its own."""
    rgb, rgba = image(12, 20, 3), image(12, 20, 4)
    grey, palette, deep = rgb.convert("L"), rgb.quantize(16), noise(12, 20, 3, dtype=np.uint16)
    return {
        "jpeg": encode(rgb, "JPEG", quality=90),
        "jpeg-progressive": encode(rgb, "JPEG", quality=90, progressive=True),
        "jpeg-restarts": encode(rgb, "JPEG", restart_marker_rows=1),
        "jpeg-grey": encode(grey, "JPEG"),
        "jpeg-cmyk": encode(rgb.convert("CMYK"), "JPEG"),
        "png": encode(rgb, "PNG"),
        "png-alpha": encode(rgba, "PNG"),
        "png-grey": encode(grey, "PNG"),
        "png-palette-transparent": encode(palette, "PNG", transparency=3),
        "png-16": png(deep),
        "gif": encode(palette, "GIF"),
        "gif-transparent": encode(palette, "GIF", transparency=3),
        "gif-animated": animation("GIF"),
        "webp": encode(rgb, "WEBP"),
        "webp-lossless": encode(rgb, "WEBP", lossless=True),
        "webp-alpha": encode(rgba, "WEBP"),
        "webp-animated": animation("WEBP"),
        "tiff": encode(rgb, "TIFF"),
        "tiff-alpha": encode(rgba, "TIFF"),
        "tiff-lzw": encode(rgb, "TIFF", compression="tiff_lzw"),
        "tiff-jpeg": encode(rgb, "TIFF", compression="jpeg"),
        "tiff-fax": encode(rgb.convert("1"), "TIFF", compression="group4"),
        "tiff-strips": tiff(noise(12, 20, 3), compression="zlib", rowsperstrip=1),
        "tiff-16": tiff(deep),
        "bmp": encode(rgb, "BMP"),
        "bmp-palette": encode(palette, "BMP"),
        "ppm": encode(rgb, "PPM"),
        "pgm": encode(grey, "PPM"),
        "pbm": encode(rgb.convert("1"), "PPM"),
        "pgm-text": b"P2\n4 3\n255\n" + b" ".join(b"%d" % (20 * i) for i in range(12)) + b"\n",
    }


# Later pictures may be cut off without harm to the first.
WITH_LATER_PICTURES = {"png-animated": animation("PNG"), "tiff-pages": animation("TIFF")}
