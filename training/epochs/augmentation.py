"""Change pictures at random while a network is trained on them, as other photographs of the same things would differ.

It acts on pictures of levels 0 to 255, between geometry and values, and never reaches the exported file.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

# ITU-R BT.601 luma, in RGB.
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
# The aspect ratios that a random crop may have, as in C. Szegedy et al., Going Deeper with Convolutions, 2015.
ASPECT = 4 / 3


@dataclass(frozen=True)
class Augmentation:
    """How far a picture may be changed; each change is drawn evenly up to its limit, in both directions.

    `flip` mirrors half of the pictures; `rotation_degrees` turns; `shift` is a share of the side and `zoom` of the
    size; `crop` is the smallest share of the area that a random crop keeps, 1 for none; `brightness`, `contrast` and
    `saturation` are shares of the levels, of the distance from their mean and from grey.
    """

    flip: bool = False
    rotation_degrees: float = 0.0
    shift: float = 0.0
    zoom: float = 0.0
    crop: float = 1.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0

    def __call__(self, pictures: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
        """Return changed copies of `pictures`, uint8 [n, h, w, c]; the same state of `random` gives the same ones."""
        height, width, channels = pictures.shape[1:]
        result = np.empty_like(pictures)
        for i, picture in enumerate(pictures):
            moved: NDArray[Any] = cv2.warpAffine(
                picture,
                self._placement(height, width, random),
                (width, height),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REFLECT_101,
            )
            result[i] = self._coloured(moved.reshape(height, width, channels), random)
        return result

    def _placement(self, height: int, width: int, random: np.random.Generator) -> NDArray[np.float64]:
        """Return the matrix [2, 3] that says from where in a picture each pixel of the result comes."""
        share, aspect = random.uniform(self.crop, 1), np.exp(random.uniform(-1, 1) * np.log(ASPECT))
        aspect = aspect if self.crop < 1 else 1.0
        zoom = 1 + random.uniform(-self.zoom, self.zoom)
        scale = np.minimum(np.sqrt([share * aspect, share / aspect]), 1) * zoom  # across and down
        angle = np.deg2rad(random.uniform(-self.rotation_degrees, self.rotation_degrees))
        mirrored = -1 if self.flip and random.random() < 0.5 else 1
        size, middle = np.array([width, height]), (np.array([width, height]) - 1) / 2
        # A crop may lie anywhere inside the picture; a shift moves it beyond.
        centre = middle + random.uniform(-1, 1, 2) * ((1 - np.minimum(scale, 1)) / 2 + self.shift) * size
        turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        linear = turned @ np.diag(scale * (mirrored, 1))
        return np.column_stack([linear, centre - linear @ middle])

    def _coloured(self, picture: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
        brightness, contrast, saturation = random.uniform(-1, 1, 3) * (self.brightness, self.contrast, self.saturation)
        if not (self.brightness or self.contrast or self.saturation):
            return picture
        levels = picture.astype(np.float32) * np.float32(1 + brightness)
        if picture.shape[2] == len(LUMA):
            grey = (levels @ LUMA)[..., None]
            levels = grey + (levels - grey) * np.float32(1 + saturation)
        mean = levels.mean()
        levels = mean + (levels - mean) * np.float32(1 + contrast)
        result: NDArray[np.uint8] = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
        return result


# What --augment chooses: light is safe for characters too; strong is for photographs, which may be mirrored.
AUGMENTATIONS: dict[str, Augmentation | None] = {
    "none": None,
    "light": Augmentation(rotation_degrees=10, shift=0.08, zoom=0.1),
    "strong": Augmentation(
        flip=True, rotation_degrees=10, shift=0.05, crop=0.5, brightness=0.2, contrast=0.2, saturation=0.2
    ),
}
