"""What is asked about in a picture: glyphs, faces or the whole, found and cut by the code that reads them later.

It exists so that a network is trained on exactly what `edge.regions` will show it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.regions.faces import HaarFaces
from edge.regions.glyphs import crop_glyph, find_glyphs
from edge.result import Box
from edge.spec import Faces, Glyphs


@dataclass(frozen=True)
class AnyGlyphs:
    """Glyphs, however many there are: then nothing is missing, and touching ones are not cut apart."""


Wanted = AnyGlyphs | Glyphs | Faces | None


class Cutter:
    """Finds and cuts; any number of threads may share it. Raises InstallationError where faces cannot be found.

    `labels`, where they are known, tell whether all glyphs are digits, which are cut with more trust, as by a reader.
    """

    def __init__(self, wanted: Wanted, labels: Sequence[str] = ()) -> None:
        self.wanted = wanted
        # None where it makes no difference.
        digits = bool(labels) and all(label.isdecimal() for label in labels)
        self.digits = digits if isinstance(wanted, Glyphs) else None
        self._faces = HaarFaces() if isinstance(wanted, Faces) else None

    @property
    def text(self) -> str:
        """The option that says the same."""
        match self.wanted:
            case Glyphs(count):
                return f"glyphs:{count}"
            case AnyGlyphs():
                return "glyphs"
            case Faces():
                return "faces"
        return "none"

    @property
    def noun(self) -> str:
        """What one item is called."""
        return {"glyphs": "glyph", "faces": "face", "none": "picture"}[self.text.partition(":")[0]]

    def find(self, pixels: NDArray[np.uint8]) -> tuple[Box | None, ...]:
        """Return the boxes in `pixels`, uint8 RGB [H, W, 3], from left to right; (None,) stands for the whole."""
        if self._faces:
            return tuple(self._faces.find(pixels))
        match self.wanted:
            case Glyphs(count):
                return find_glyphs(pixels, count, bool(self.digits)).boxes
            case AnyGlyphs():
                return find_glyphs(pixels, 1).boxes
        return (None,)

    def remark(self, found: int) -> str | None:
        """Return what is to be said where not as many were `found` as there should be."""
        if isinstance(self.wanted, Glyphs) and found != self.wanted.count:
            return f"{found} {self.noun}{'s'[: found != 1]} found, {self.wanted.count} expected"
        return None

    def crop(self, pixels: NDArray[np.uint8], box: Box | None) -> NDArray[np.uint8]:
        """Return uint8 RGB: what the network will see of `pixels` for a box that `find` gave."""
        if box is None:
            return pixels
        return box.crop(pixels) if self._faces else crop_glyph(pixels, box)
