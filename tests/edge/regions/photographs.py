"""A photograph of a face, out of scikit-image's wheel, and where the face is."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from edge.result import Box

# Measured by hand on an enlargement with a grid: skin from hairline to chin, and from cheek to cheek.
ASTRONAUT_FACE = Box(182, 76, 90, 102)


@cache
def photograph(name: str) -> np.ndarray:
    """RGB. The package is not imported: it would be slow, and only its data is wanted."""
    spec = find_spec("skimage")
    assert spec
    assert spec.origin
    path = Path(spec.origin).with_name("data") / name
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    masks = np.zeros((2, 2000, 2000), bool)
    for mask, box in zip(masks, (a, b), strict=True):
        mask[box.y : box.y + box.height, box.x : box.x + box.width] = True
    return float((masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum())
