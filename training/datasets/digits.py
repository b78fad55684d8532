"""scikit-learn's handwritten digits: 1,797 real images of 8 x 8 pixels, shipped inside the package.

Source: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998 (the test part).
"""

import cv2
import numpy as np
from sklearn.datasets import load_digits as load_bundle

from training.dataset import Dataset

LARGEST_VALUE = 16
WHITE = 255


def load_digits() -> Dataset:
    """Return the digits as grey PNGs of 8 x 8 pixels, light on dark; 0 to 16 becomes 0 to 255."""
    bundle = load_bundle()
    levels = np.rint(bundle.images * (WHITE / LARGEST_VALUE)).astype(np.uint8)
    targets = np.asarray(bundle.target, np.int64)
    labels = tuple(str(name) for name in bundle.target_names)
    names = tuple(f"{labels[target]}/digit_{i:04}.png" for i, target in enumerate(targets))

    def read(i: int) -> bytes:
        return bytes(cv2.imencode(".png", levels[i])[1])

    return Dataset("digits", labels, names, targets, read)
