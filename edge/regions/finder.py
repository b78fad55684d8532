"""From the spec's word for what to look for to the answer for one picture.

It exists so that `Classifier` needs no OpenCV detector, and imports none of this, for a model of whole pictures.
"""

import os
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge.classifier import Classification, Classifier
from edge.decode import DecodedImage
from edge.regions.faces import HaarFaces, YunetFaces
from edge.regions.glyphs import crop_glyph, find_glyphs
from edge.regions.region import Box, Region
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

    def classify(self, classifier: Classifier, image: DecodedImage, top_k: int | None) -> Classification:
        """Return the answer for every region of `image`, each through the model's own graph."""
        if isinstance(self.regions, Glyphs):
            return _classify_glyphs(classifier, image, top_k, self.regions.count)
        boxes = self._faces.find(image.pixels)
        crops = (self.crop(image.pixels, box) for box in boxes)
        regions = tuple(Region(box, *classifier.predict(crop, top_k)) for box, crop in zip(boxes, crops, strict=True))
        unsure = any(region.unsure for region in regions)
        return _noted(Classification((), image.note, unsure, regions), "" if regions else "no faces found")


def _classify_glyphs(classifier: Classifier, image: DecodedImage, top_k: int | None, count: int) -> Classification:
    """Return the answer for all glyphs; the text stays None where they are not `count`, and the note says so."""
    found = find_glyphs(image.pixels, count, all(label.isdecimal() for label in classifier.spec.labels))
    crops = (crop_glyph(image.pixels, box) for box in found.boxes)
    regions = tuple(Region(box, *classifier.predict(crop, top_k)) for box, crop in zip(found.boxes, crops, strict=True))
    if len(regions) != count:
        number = len(regions) or "no"
        answer = Classification((), image.note, True, regions)
        return _noted(answer, f"{number} glyph{'s'[: len(regions) != 1]} found, {count} expected")
    text = "".join(region.predictions[0].label for region in regions)
    answer = Classification((), image.note, any(region.unsure for region in regions), regions, text)
    return _noted(answer, f"touching glyphs were cut into {found.split}" if found.split else "")


def _noted(answer: Classification, note: str) -> Classification:
    notes = [text for text in (answer.note, note) if text]
    return replace(answer, note="; ".join(notes) or None)
