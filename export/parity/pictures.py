"""The pictures on which a network and its file are compared: those of a run, a folder of the user's, or made ones.

A model that comes from elsewhere brings no pictures. A folder may hold them in folders that are called as the labels
are; then they say how good the network is. Made pictures are the same on every call: noise, gradients, and mixtures
that have the spectrum of photographs, with edges laid over them.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import ImageError, ModelError, UsageError
from edge.image import decode_image, read_image
from edge.sources import walk_images
from edge.spec import Origin
from export.run_folder import CALIBRATION_IMAGES, EVALUATION_IMAGES, RunFolder, file_digest

NamedPicture = tuple[str, NDArray[np.uint8]]

# Height x width: the sizes that networks take, a photograph, both kinds of narrow, and the smallest there is.
MADE_SIZES_PX = ((32, 32), (224, 224), (480, 640), (150, 19), (7, 90), (1, 1))

# Amplitudes fall with the spatial frequency in natural images (D. Field, 1987).
SHAPES = 6


# Of a folder one picture in so many is for what is chosen by pictures (ranges, a temperature, a threshold), the rest
# are to judge by.
CALIBRATION_SHARE = 5


@dataclass(frozen=True)
class Example:
    """A picture, uint8 RGB [H, W, 3], and the label that it shows, None where that is not known."""

    name: str
    label: str | None
    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class Pictures:
    """Where pictures come from, a SHA-256 of them in hexadecimal, and what yields them, for each of its uses.

    `read` yields names and pixels to compare on; `calibration` and `judged` are apart from each other, and yield
    nothing of made pictures.
    """

    origin: Origin
    digest: str
    read: Callable[[], Iterator[NamedPicture]]
    calibration: Callable[[], Iterator[Example]]
    judged: Callable[[], Iterator[Example]]
    name: str = ""
    is_labelled: bool = False


def run_pictures(run: RunFolder) -> Pictures:
    """Return the pictures that a training kept away from its network, and those of the training to calibrate on."""

    def judged() -> Iterator[Example]:
        for image in run.read_evaluation_files():
            try:
                yield Example(image.name, image.label, decode_image(image.encoded).pixels)
            except ImageError as error:
                raise ModelError(f"{run.evaluation_images}: the image {image.name} is damaged ({error})") from None

    def calibration() -> Iterator[Example]:
        return (Example(name, None, pixels) for name, pixels in run.read_calibration())

    return Pictures(
        "held-out", file_digest(run.evaluation_images), run.read_evaluation, calibration, judged, str(run.path), True
    )


def folder_pictures(folder: Path, labels: Collection[str] = ()) -> Pictures:
    """Return the pictures below `folder`, at most as many as a run holds out, spread over all of it.

    They are labelled if each lies in a folder that is called as one of `labels` is. Raises UsageError if there are
    none, if one of them cannot be read, or if some folders are called as labels are and others are not.
    """
    found = list(walk_images(str(folder)))
    if not found:
        raise UsageError(f"{folder}: --images must name a folder that holds pictures; there is none in it")
    step = -(-len(found) // EVALUATION_IMAGES)
    paths = [Path(path) for path in found[::step]]
    shown = [path.relative_to(folder).parts[0] for path in paths]
    strangers = sorted(set(shown) - set(labels))
    is_labelled = not strangers
    if strangers and not set(labels).isdisjoint(shown):
        raise UsageError(
            f"{folder}: some folders in it are called as labels are, but {strangers[0]!r} is none of the labels; give "
            "every picture the folder of its label, or none"
        )
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.relative_to(folder).as_posix().encode("utf-8", "surrogatepass") + b"\0")
        digest.update(bytes.fromhex(file_digest(path)))

    def read(chosen: list[tuple[Path, str]]) -> Iterator[Example]:
        for path, label in chosen:
            try:
                pixels = read_image(path).pixels
            except ImageError as error:
                raise UsageError(f"{path}: this picture cannot be read ({error}); remove it from --images") from None
            yield Example(path.relative_to(folder).as_posix(), label if is_labelled else None, pixels)

    pairs = list(zip(paths, shown, strict=True))
    chosen = [pair for i, pair in enumerate(pairs) if i % CALIBRATION_SHARE == 0][:CALIBRATION_IMAGES]
    others = [pair for i, pair in enumerate(pairs) if i % CALIBRATION_SHARE]
    return Pictures(
        "folder",
        digest.hexdigest(),
        lambda: ((example.name, example.pixels) for example in read(pairs)),
        lambda: read(chosen),
        lambda: read(others),
        folder.resolve().name,
        is_labelled,
    )


@cache
def made_pictures() -> Pictures:
    """Return pictures that need no file, the same on every call."""
    pictures = list(_make_all())
    digest = hashlib.sha256()
    for name, pixels in pictures:
        digest.update(name.encode() + b"\0" + pixels.tobytes())
    return Pictures("made", digest.hexdigest(), lambda: iter(pictures), lambda: iter(()), lambda: iter(()))


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
