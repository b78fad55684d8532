"""What a training run leaves behind, and what export reads: the layout of a run folder.

Training writes it; export reads it, perhaps months later on another machine. All that the parity check needs is inside:
the images that the network has not seen are copied.
"""

import hashlib
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import ImageError, ModelError, ModelNotFoundError
from edge.image import decode_image
from edge.spec import ModelSpec, parse_spec

EVALUATION_IMAGES = 2000
EVALUATION_BYTES = 256 << 20
# A few hundred pictures show what range the activations of a network have; more change it little.
CALIBRATION_IMAGES = 200
CALIBRATION_BYTES = 32 << 20

# Zip entries have a date; a constant one keeps the archive, and so the artifact, the same for the same run.
ZIP_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class LabelledImage:
    """One image of a data set, as it came, and its label."""

    name: str
    label: str
    encoded: bytes


@dataclass(frozen=True)
class Example:
    """A picture, uint8 RGB [H, W, 3], and the label that it shows, None where that is not known."""

    name: str
    label: str | None
    pixels: NDArray[np.uint8]


class RunFolder:
    """The paths inside a run folder.

    The two archives hold images as they came; the comment of each entry is the image's label. `evaluation_images` has
    at most `EVALUATION_IMAGES` and `EVALUATION_BYTES` of them, `calibration` at most `CALIBRATION_IMAGES` and
    `CALIBRATION_BYTES` that were trained on. Only int8 needs the second, and older runs lack it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.model = path / "model.keras"
        self.spec = path / "spec.json"  # without version, parity and self-test
        self.evaluation_images = path / "evaluation.zip"
        self.calibration = path / "calibration.zip"
        self.history = path / "history.json"  # loss and accuracy of every epoch
        self.history_plot = path / "history.png"
        self.evaluation = path / "evaluation"  # report, confusion matrix, reliability diagram, mistakes, suspects
        self.report = self.evaluation / "report.json"
        self.suspects = self.evaluation / "suspects.csv"  # pictures that are probably labelled wrong
        self.checkpoints = path / "checkpoints"  # best.keras, the network of the best epoch
        self.state = path / "state.npz"  # what an unfinished training resumes from

    @property
    def is_finished(self) -> bool:
        """Whether all that export reads is there."""
        return all(path.is_file() for path in self._needed)

    @property
    def is_started(self) -> bool:
        """Whether anything is there that only a run holds; it may be unfinished."""
        return any(path.is_file() for path in (*self._needed, self.history, self.state))

    @property
    def _needed(self) -> tuple[Path, Path, Path]:
        return self.model, self.spec, self.evaluation_images

    def read_spec(self) -> ModelSpec:
        """Return the run's spec. Raises ModelNotFoundError if this is no finished run, ModelError if it is damaged."""
        for path in self._needed:
            if not path.is_file():
                raise ModelNotFoundError(f"{self.path}: this is not a finished run, it has no {path.name}")
        try:
            return parse_spec(self.spec.read_text(encoding="utf-8"), str(self.spec))
        except UnicodeDecodeError:
            raise ModelError(f"{self.spec}: its spec is not UTF-8 text") from None

    def read_evaluation(self, most: int | None = None) -> Iterator[Example]:
        """Yield the evaluation images, every n-th if there are more than `most`. Raises ModelError if damaged."""
        return _read_archive(self.evaluation_images, "held-out", most)

    def read_calibration(self) -> Iterator[Example]:
        """Yield the calibration images. Raises ModelError if damaged."""
        return _read_archive(self.calibration, "calibration")


def step_through(count: int, most: int) -> int:
    """Return n so that every n-th of `count` things are at most `most`."""
    return max(1, -(-count // most))


def _read_archive(path: Path, kind: str, most: int | None = None) -> Iterator[Example]:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            step = 1 if most is None else step_through(len(entries), most)
            for i, entry in enumerate(entries):
                encoded = archive.read(entry)  # of all, which checks them
                if i % step == 0:
                    label = entry.comment.decode("utf-8", "surrogatepass")
                    yield Example(entry.filename, label, decode_image(encoded).pixels)
    except ImageError as error:
        raise ModelError(f"{path}: the {kind} image {entry.filename} is damaged ({error})") from None
    except (zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: the archive is damaged ({error})") from None


def write_evaluation_images(path: Path, images: Iterable[LabelledImage]) -> None:
    """Write images until one of the two limits of evaluation images is reached."""
    _write_archive(path, images, EVALUATION_IMAGES, EVALUATION_BYTES)


def write_calibration(path: Path, images: Iterable[LabelledImage]) -> None:
    """Write images until one of the two limits of calibration images is reached."""
    _write_archive(path, images, CALIBRATION_IMAGES, CALIBRATION_BYTES)


def _write_archive(path: Path, images: Iterable[LabelledImage], most: int, most_bytes: int) -> None:
    total = 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for count, image in enumerate(images):
            total += len(image.encoded)
            if count == most or (count and total > most_bytes):
                return
            # A zip takes only UTF-8; odd bytes of a name are spelled out.
            readable = image.name.encode("utf-8", "backslashreplace").decode()
            entry = zipfile.ZipInfo(readable, ZIP_DATE)
            entry.comment = image.label.encode("utf-8", "surrogatepass")
            archive.writestr(entry, image.encoded)


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
