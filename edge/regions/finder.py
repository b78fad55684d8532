"""From the spec's word for what to look for to the answer for one picture.

It exists so that `Classifier` needs no OpenCV detector, and imports none of this, for a model of whole pictures.
"""

import os
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge.classification import Classification, Prediction
from edge.regions.faces import HaarFaces, YunetFaces
from edge.regions.glyphs import crop_glyph, find_glyphs
from edge.regions.region import Box, FoundBoxes, Region
from edge.spec import Faces, Glyphs


class RegionFinder:
    """Finds what a model classifies. It may be shared by any number of threads.

    `face_model` is a YuNet file to use in place of the cascade; see `edge.regions.faces` for what is raised.
    """

    def __init__(self, regions: Faces | Glyphs, face_model: str | os.PathLike[str] | None) -> None:
        self.regions = regions
        if isinstance(regions, Faces):
            self._faces = YunetFaces(face_model) if face_model else HaarFaces()

    def crop(self, pixels: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
        """Return what of a picture, uint8 RGB [H, W, 3], goes through the model for the region in `box`."""
        if isinstance(self.regions, Glyphs):
            return crop_glyph(pixels, box)
        return box.cut(pixels)

    def find(self, pixels: NDArray[np.uint8], labels: Sequence[str]) -> FoundBoxes:
        """Return where in a picture, uint8 RGB [H, W, 3], there is something of what has these `labels`."""
        if isinstance(self.regions, Glyphs):
            return find_glyphs(pixels, self.regions.count, all(label.isdecimal() for label in labels))
        return FoundBoxes(tuple(self._faces.find(pixels)))

    def conclude(
        self, found: FoundBoxes, ranked: Sequence[tuple[tuple[Prediction, ...], bool]], note: str | None
    ) -> Classification:
        """Return the answer for a picture whose decoder left this `note`.

        `ranked` are the predictions for each box that was `found`, and whether they are unsure. The text of glyphs
        stays None where they are not as many as there must be, and the note says so.
        """
        regions = tuple(Region(box, *answer) for box, answer in zip(found.boxes, ranked, strict=True))
        answer = Classification((), note, any(region.unsure for region in regions), regions)
        if isinstance(self.regions, Faces):
            return _noted(answer, "" if regions else "no faces found")
        if len(regions) != (count := self.regions.count):
            number = f"{len(regions) or 'no'} glyph{'s'[: len(regions) != 1]}"
            return _noted(replace(answer, unsure=True), f"{number} found, {count} expected")
        text = "".join(region.predictions[0].label for region in regions)
        return _noted(replace(answer, text=text), f"touching glyphs were cut into {found.split}" if found.split else "")


def _noted(answer: Classification, note: str) -> Classification:
    notes = [text for text in (answer.note, note) if text]
    return replace(answer, note="; ".join(notes) or None)
