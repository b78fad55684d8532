"""Find what a spec says to look for in a picture, and make one answer of what was predicted for each region."""

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.errors import MissingExtraError
from edge.regions import FoundBoxes
from edge.result import Box, Classification, Prediction, Region
from edge.spec import Faces, Glyphs

try:
    from edge.regions.faces import HaarFaces, YunetFaces
    from edge.regions.glyphs import crop_glyph, find_glyphs
except ModuleNotFoundError:
    raise MissingExtraError(
        "faces and glyphs are found by OpenCV; install it with: pip install 'eyespot[camera]', or classify whole "
        "pictures with --regions none"
    ) from None


class RegionFinder:
    """Finds what a model classifies; any number of threads may share it.

    `face_model` is a YuNet file to use in place of the cascade; see `edge.regions.faces` for what is raised.
    """

    def __init__(self, regions: Faces | Glyphs, face_model: str | os.PathLike[str] | None) -> None:
        self.regions = regions
        if isinstance(regions, Faces):
            self._faces = YunetFaces(face_model) if face_model else HaarFaces()

    def find(self, pixels: NDArray[np.uint8], labels: Sequence[str]) -> FoundBoxes:
        """Return where in a picture, uint8 RGB [H, W, 3], there is something of what has these `labels`."""
        if isinstance(self.regions, Glyphs):
            return find_glyphs(pixels, self.regions.count, all(label.isdecimal() for label in labels))
        return FoundBoxes(tuple(self._faces.find(pixels)))

    def crop(self, pixels: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
        """Return what of a picture, uint8 RGB [H, W, 3], goes through the model for the region in `box`."""
        return crop_glyph(pixels, box) if isinstance(self.regions, Glyphs) else box.crop(pixels)

    def postprocess(
        self, found: FoundBoxes, predicted: Sequence[tuple[tuple[Prediction, ...], bool]], note: str | None
    ) -> Classification:
        """Return the answer for a picture whose decoder left this `note`.

        `predicted` are the predictions for each box that was `found`, and whether they are unsure. Where there are not
        as many glyphs as the model expects, `text` is None and the note says so.
        """
        regions = tuple(Region(box, *answer) for box, answer in zip(found.boxes, predicted, strict=True))
        unsure, text, finding = any(region.unsure for region in regions), None, ""
        if isinstance(self.regions, Faces):
            finding = "" if regions else "no faces found"
        elif len(regions) != self.regions.count:
            number = f"{len(regions) or 'no'} glyph{'s'[: len(regions) != 1]}"
            finding, unsure = f"{number} found, {self.regions.count} expected", True
        else:
            text = "".join(region.predictions[0].label for region in regions)
            finding = f"touching glyphs were cut into {found.split}" if found.split else ""
        note = "; ".join(part for part in (note, finding) if part) or None
        return Classification((), unsure, note, regions, text)
