"""The pictures on which a network and its file are compared: those of a run, a folder of the user's, or made ones.

A folder may hold a folder for each label; then its pictures say how good the network is as well. Made pictures are the
same on every call: noise, and smooth ones that have the spectrum of photographs.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge.errors import ImageError, UsageError
from edge.image import read_image
from edge.sources import walk
from edge.spec import Origin
from export.run_folder import CALIBRATION_IMAGES, EVALUATION_IMAGES, Example, RunFolder, file_digest, step_through

# Without a difference on 300 pictures fewer than 1 in 100 differ, with a certainty of 95 % (the rule of three); a wrong
# conversion shows on nearly all. Another 1,700 take minutes.
MOST_COMPARED = 300
# Of a folder one picture in so many is for what is chosen by pictures (ranges, a temperature, a threshold), the others
# measure the result.
CALIBRATION_SHARE = 5

# Height x width: the sizes that networks take, a photograph, both kinds of narrow, and the smallest there is.
MADE_SIZES_PX = ((32, 32), (224, 224), (480, 640), (150, 19), (7, 90), (1, 1))
# Amplitudes fall with the spatial frequency in natural images (D. Field, 1987): random levels on grids of so many
# cells, smoothly enlarged, each with half the weight of the one before.
GRIDS = (2, 4, 8, 16, 32)

Use = Literal["compare", "calibrate", "evaluate"]


@dataclass(frozen=True)
class Pictures:
    """A source of pictures: where they come from, a SHA-256 of them in hexadecimal, and `read`, which yields them.

    What is for "calibrate" is not for "evaluate", and of both there is nothing among made pictures. `is_labelled` says
    whether the latter have labels.
    """

    origin: Origin
    name: str
    digest: str
    is_labelled: bool
    read: Callable[[Use], Iterator[Example]]


def run_pictures(run: RunFolder) -> Pictures:
    """Return the pictures that a training kept away from its network, and those of the training to calibrate on."""

    def read(use: Use) -> Iterator[Example]:
        if use == "calibrate":
            return run.read_calibration()
        return run.read_evaluation(MOST_COMPARED if use == "compare" else None)

    return Pictures("held-out", str(run.path), file_digest(run.evaluation_images), True, read)


def find_pictures(folder: Path | None, labels: Collection[str]) -> Pictures:
    """Return the pictures below `folder`, at most as many as a run holds out, or made ones without a folder.

    They are labelled if each is in a folder that is called as one of `labels`. Raises UsageError if there are none, if
    one of them cannot be read, or if some folders are called as labels are and others are not.
    """
    if folder is None:
        return made_pictures()
    found = [source.path for source in walk(str(folder)) if source.error is None]
    if not found:
        raise UsageError(f"{folder}: --images must name a folder that holds pictures; there is none in it")
    paths = [Path(path) for path in found[:: step_through(len(found), EVALUATION_IMAGES)]]
    names = [path.relative_to(folder).as_posix() for path in paths]
    shown = [name.partition("/")[0] for name in names]
    strangers = sorted(set(shown) - set(labels))
    if strangers and not set(labels).isdisjoint(shown):
        raise UsageError(
            f"{folder}: some folders in it are called as labels are, but {strangers[0]!r} is none of the labels; give "
            "every picture the folder of its label, or none"
        )
    digest = hashlib.sha256()
    for name, path in zip(names, paths, strict=True):
        digest.update(name.encode("utf-8", "surrogatepass") + b"\0" + bytes.fromhex(file_digest(path)))

    def read(use: Use) -> Iterator[Example]:
        everything = range(len(paths))
        chosen = {
            "compare": everything[:: step_through(len(paths), MOST_COMPARED)],
            "calibrate": everything[::CALIBRATION_SHARE][:CALIBRATION_IMAGES],
            "evaluate": [i for i in everything if i % CALIBRATION_SHARE],
        }
        for i in chosen[use]:
            try:
                pixels = read_image(paths[i]).pixels
            except ImageError as error:
                raise UsageError(f"{paths[i]}: this picture cannot be read ({error}); remove it") from None
            yield Example(names[i], None if strangers else shown[i], pixels)

    return Pictures("folder", folder.resolve().name, digest.hexdigest(), not strangers, read)


@cache
def made_pictures() -> Pictures:
    """Return pictures that need no file, the same on every call."""
    examples = list(_make_all())
    digest = hashlib.sha256()
    for example in examples:
        digest.update(example.name.encode() + b"\0" + example.pixels.tobytes())
    return Pictures(
        "made", "made pictures", digest.hexdigest(), False, lambda use: iter(examples if use == "compare" else [])
    )


def _make_all() -> Iterator[Example]:
    generator = np.random.default_rng(0)
    for height, width in MADE_SIZES_PX:
        yield Example(f"noise {height}x{width}", None, generator.integers(0, 256, (height, width, 3), np.uint8))
        for i in range(3):
            yield Example(f"smooth {i} {height}x{width}", None, _smooth(generator, height, width))


def _smooth(generator: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """Return colours that change as those of a photograph do, from the darkest to the brightest level."""
    total = np.zeros((height, width, 3))
    for i, cells in enumerate(GRIDS):
        grid = Image.fromarray(generator.integers(0, 256, (cells, cells, 3), np.uint8))
        total += np.asarray(grid.resize((width, height), Image.Resampling.BICUBIC), np.float64) / 2**i
    total -= total.min()
    levels: NDArray[np.uint8] = np.rint(total * (255 / max(total.max(), 1))).astype(np.uint8)
    return levels
