"""Write annotated copies of pictures into a folder, under names that hide no other file.

It exists because `--draw .` in the folder of the pictures must never cost anybody a picture.
"""

import os
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.atomic_file import replacing
from edge.classification import Classification
from edge.drawing import annotate
from edge.errors import OutputError, UsageError
from edge.sources import STANDARD_INPUT

JPEG_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif"})
JPEG_QUALITY = 92


class AnnotatedCopies:
    """Copies named like their source with `-annotated` added, JPEG for a JPEG and PNG for all else.

    Two sources of one name are told apart by a number. A file of an earlier run is replaced, a source never.
    """

    def __init__(self, folder: str | os.PathLike[str], sources: Iterable[str]) -> None:
        """Make the folder. Raises UsageError where something else has its name, OSError where it cannot be made."""
        self._folder = Path(folder)
        if self._folder.exists() and not self._folder.is_dir():
            raise UsageError(f"--draw takes a folder. Received: {folder}, which is a file")
        self._folder.mkdir(parents=True, exist_ok=True)
        self._taken = {name for source in sources if source != STANDARD_INPUT for name in _names_of(source)}

    def write(self, path: str, pixels: NDArray[np.uint8], classification: Classification) -> Path:
        """Write the annotated copy of the picture at `path` and return where it is. Raises OSError."""
        source = Path("standard-input" if path == STANDARD_INPUT else path)
        jpeg = source.suffix.lower() in JPEG_SUFFIXES
        target = self._free_name(source.stem, source.suffix if jpeg else ".png")
        bgr = cv2.cvtColor(annotate(pixels, classification), cv2.COLOR_RGB2BGR)
        kind, options = (".jpg", [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]) if jpeg else (".png", [])
        try:
            whole, encoded = cv2.imencode(kind, bgr, options)
        except cv2.error as error:
            raise OutputError(f"{target}: this copy cannot be encoded ({error.err})") from None
        if not whole:
            raise OutputError(f"{target}: this copy cannot be encoded")
        with replacing(target) as temporary:
            temporary.write_bytes(encoded.tobytes())
        return target

    def _free_name(self, stem: str, suffix: str) -> Path:
        number = 1
        while True:
            name = f"{stem}-annotated{'' if number == 1 else f'-{number}'}{suffix}"
            target = self._folder / name
            real = os.path.join(os.path.realpath(self._folder), name)
            if real not in self._taken:
                self._taken.add(real)
                return target
            number += 1


def _names_of(source: str) -> tuple[str, str]:
    """Return the name itself in its real folder, and, should that be a link, the file that it leads to."""
    folder, name = os.path.split(source)
    return os.path.join(os.path.realpath(folder), name), os.path.realpath(source)
