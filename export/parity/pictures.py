"""The pictures on which an original network and its file are compared: a folder of the user's, or made ones.

It exists because a model that comes from elsewhere brings no held-out images. Made pictures are the same on every
call: noise, gradients, and mixtures that have the spectrum of photographs, with edges laid over them.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.decode import read_image
from edge.errors import ImageError, UsageError
from edge.sources import walk_images
from edge.spec import Origin
from export.run_folder import HELD_OUT_IMAGES, RunFolder, file_digest

NamedPicture = tuple[str, NDArray[np.uint8]]

# Height x width: the sizes that networks take, a photograph, both kinds of narrow, and the smallest there is.
MADE_SIZES_PX = ((32, 32), (224, 224), (480, 640), (150, 19), (7, 90), (1, 1))

# Amplitudes fall with the spatial frequency in natural images (D. Field, 1987).
SHAPES = 6


@dataclass(frozen=True)
class Pictures:
    """Where pictures come from, a SHA-256 of them in hexadecimal, and what yields their names and pixels, uint8 RGB."""

    origin: Origin
    digest: str
    read: Callable[[], Iterator[NamedPicture]]


def held_out_pictures(run: RunFolder) -> Pictures:
    """Return the pictures that a training kept away from its network."""
    return Pictures("held-out", file_digest(run.held_out), run.read_held_out)


def folder_pictures(folder: Path) -> Pictures:
    """Return the pictures below `folder`, at most as many as a run holds out, spread over all of it.

    Raises UsageError if there are none, or if one of them cannot be read.
    """
    found = list(walk_images(str(folder)))
    if not found:
        raise UsageError(f"{folder}: --images must name a folder that holds pictures; there is none in it")
    step = -(-len(found) // HELD_OUT_IMAGES)
    paths = [Path(path) for path in found[::step]]
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.relative_to(folder).as_posix().encode("utf-8", "surrogatepass") + b"\0")
        digest.update(bytes.fromhex(file_digest(path)))
    return Pictures("folder", digest.hexdigest(), lambda: _read_all(folder, paths))


def _read_all(folder: Path, paths: Iterable[Path]) -> Iterator[NamedPicture]:
    for path in paths:
        try:
            pixels = read_image(path).pixels
        except ImageError as error:
            raise UsageError(f"{path}: this picture cannot be compared on ({error}); remove it from --images") from None
        yield path.relative_to(folder).as_posix(), pixels


@cache
def made_pictures() -> Pictures:
    """Return pictures that need no file, the same on every call."""
    pictures = list(_make_all())
    digest = hashlib.sha256()
    for name, pixels in pictures:
        digest.update(name.encode() + b"\0" + pixels.tobytes())
    return Pictures("made", digest.hexdigest(), lambda: iter(pictures))


def _make_all() -> Iterator[NamedPicture]:
    generator = np.random.default_rng(0)
    for height, width in MADE_SIZES_PX:
        yield f"noise {height}x{width}", generator.integers(0, 256, (height, width, 3), np.uint8)
        yield f"gradient {height}x{width}", _gradient(generator, height, width)
        for i in range(2):
            yield f"mixture {i} {height}x{width}", _mixture(generator, height, width)


def _gradient(generator: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """Return four random colours in the corners and what lies between them."""
    corners = generator.integers(0, 256, (2, 2, 3)).astype(np.float64)
    down, right = np.linspace(0, 1, height)[:, None, None], np.linspace(0, 1, width)[None, :, None]
    left_edge = corners[0, 0] * (1 - down) + corners[1, 0] * down
    right_edge = corners[0, 1] * (1 - down) + corners[1, 1] * down
    levels: NDArray[np.uint8] = np.rint(left_edge * (1 - right) + right_edge * right).astype(np.uint8)
    return levels


def _mixture(generator: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """Return clouds whose channels go together, as light does, with ellipses of one colour each over them."""
    clouds = _clouds(generator, height, width) * 50 + 128
    tint = np.stack([_clouds(generator, height, width) * 20 for _ in range(3)], axis=2)
    pixels = np.rint(np.clip(clouds[:, :, None] + tint, 0, 255)).astype(np.uint8)
    for _ in range(SHAPES):
        centre = (int(generator.integers(0, width)), int(generator.integers(0, height)))
        axes = (int(generator.integers(0, width // 4 + 1)), int(generator.integers(0, height // 4 + 1)))
        colour = [int(level) for level in generator.integers(0, 256, 3)]
        cv2.ellipse(pixels, centre, axes, float(generator.integers(0, 180)), 0, 360, colour, cv2.FILLED)
    return pixels


def _clouds(generator: np.random.Generator, height: int, width: int) -> NDArray[np.float64]:
    """Return [height, width] of mean 0 and deviation 1 whose amplitudes fall with their frequency."""
    down, right = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    frequency = np.hypot(down, right)
    frequency[0, 0] = np.inf  # no constant part
    spectrum = np.fft.rfft2(generator.standard_normal((height, width))) / frequency
    field = np.fft.irfft2(spectrum, s=(height, width))
    deviation = float(field.std())
    return field / deviation if deviation else field
