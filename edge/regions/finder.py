"""Find the regions that a spec describes, and combine their predictions into one answer."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.errors import explaining_imports
from edge.result import Box, Classification, Prediction, Region
from edge.spec import Faces, Glyphs

with explaining_imports("finding faces or glyphs (--regions none does not)", "camera"):
    from edge.regions.faces import FaceFinder
    from edge.regions.glyphs import FoundBoxes, crop_glyph, find_glyphs


class RegionFinder:
    """Finds the regions of a model; any number of threads may share it. Raises as `FaceFinder`."""

    def __init__(self, regions: Faces | Glyphs) -> None:
        self.regions = regions
        if isinstance(regions, Faces):
            self._faces = FaceFinder()

    def find(self, pixels: NDArray[np.uint8], labels: Sequence[str]) -> FoundBoxes:
        """Return the regions of a picture, uint8 RGB [H, W, 3]; the `labels` tell digits from letters."""
        if isinstance(self.regions, Glyphs):
            return find_glyphs(pixels, self.regions.count, all(label.isdecimal() for label in labels))
        return FoundBoxes(tuple(self._faces.find(pixels)))

    def crop(self, pixels: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
        """Return the part of a picture, uint8 RGB [H, W, 3], that is classified for the region in `box`."""
        return crop_glyph(pixels, box) if isinstance(self.regions, Glyphs) else box.crop(pixels)

    def postprocess(
        self, found: FoundBoxes, predicted: Sequence[tuple[tuple[Prediction, ...], bool]], note: str | None
    ) -> Classification:
        """Return the answer from the predictions of the boxes `found`, and whether each is unsure, and a `note`."""
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
