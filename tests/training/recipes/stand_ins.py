"""Data sets in the shape of those of the book, small and drawn here: the real ones cannot be had offline."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from sklearn.datasets import load_digits

ANIMALS = {"cats": (60, 90, 200), "dogs": (40, 170, 60), "panda": (230, 220, 210)}
CIFAR_CLASSES = 10
GLYPHS = "123456789"


def real_digits(per_class: int) -> tuple[np.ndarray, np.ndarray]:
    """The first of scikit-learn's real digits, uint8 [N, 28, 28], with their classes."""
    bundle = load_digits()
    rows = np.concatenate([np.flatnonzero(bundle.target == digit)[:per_class] for digit in range(10)])
    small = (bundle.images[rows] * (255 / 16)).round().astype(np.uint8)
    return np.stack([cv2.resize(image, (28, 28)) for image in small]), bundle.target[rows]


def digits_npz(folder: Path) -> Path:
    x, y = real_digits(12)
    np.savez(folder / "digits28.npz", x=x, y=y)
    return folder / "digits28.npz"


def mnist_npz(folder: Path) -> Path:
    x, y = real_digits(12)
    test = np.arange(len(y)) % 4 == 0
    np.savez(folder / "mnist.npz", x_train=x[~test], y_train=y[~test], x_test=x[test], y_test=y[test])
    return folder / "mnist.npz"


def cifar_npz(folder: Path) -> Path:
    """Ten classes, five shapes in two colours, 32 x 32 x 3, eight to train on and two to test."""
    chance = np.random.default_rng(1)
    y = np.tile(np.arange(CIFAR_CLASSES), 10)
    x = np.stack([coloured_shape(int(label), chance) for label in y])
    np.savez(folder / "cifar10.npz", x_train=x[:80], y_train=y[:80], x_test=x[80:], y_test=y[80:])
    return folder / "cifar10.npz"


def coloured_shape(label: int, chance: np.random.Generator) -> np.ndarray:
    picture = chance.integers(0, 60, (32, 32, 3)).astype(np.uint8)
    colour = ((230, 60, 40), (50, 90, 240))[label % 2]
    centre = (int(chance.integers(13, 19)), int(chance.integers(13, 19)))
    sides = (100, 3, 4, 5, 2)[label // 2]  # a circle, a triangle, a square, a pentagon, a line
    turn = np.linspace(0, 2 * np.pi, sides, endpoint=False) + chance.uniform(0, 0.3)
    corners = np.stack([centre[0] + 9 * np.cos(turn), centre[1] + 9 * np.sin(turn)], axis=1).astype(np.int32)
    cv2.polylines(picture, [corners], True, colour, 3)
    return picture


def animals_folder(folder: Path) -> Path:
    """Three folders of colour pictures of many sizes, as a camera or the web gives them."""
    chance = np.random.default_rng(2)
    for label, colour in ANIMALS.items():
        for i in range(12):
            height, width = map(int, chance.integers(36, 90, 2))
            picture = np.clip(chance.normal(colour, 40, (height, width, 3)), 0, 255).astype(np.uint8)
            write_rgb(folder / "animals" / label / f"{label}_{i:05}.{('jpg', 'png')[i % 2]}", picture)
    return folder / "animals"


def smiles_folder(folder: Path) -> Path:
    """Drawn faces in the layout of SMILES, where one face in four smiles: 64 x 64, grey."""
    chance = np.random.default_rng(3)
    for part, count, mouth in (("positives/positives7", 10, (20, 160)), ("negatives/negatives7", 30, (200, 340))):
        for i in range(count):
            face = np.full((64, 64), 90, np.uint8)
            middle = (32 + int(chance.integers(-3, 4)), 32 + int(chance.integers(-3, 4)))
            cv2.circle(face, middle, 27, 200, -1)
            cv2.ellipse(face, (middle[0], middle[1] + 10), (14, 8), 0, *mouth, 30, 3)
            write_rgb(folder / "SMILEs" / part / f"{i}.jpg", cv2.cvtColor(face, cv2.COLOR_GRAY2RGB))
    return folder / "SMILEs"


def glyphs_folder(folder: Path) -> Path:
    """Characters, cut out as narrow or as wide as they are, as those of a captcha: one folder for each."""
    chance = np.random.default_rng(4)
    for label in GLYPHS:
        for i in range(6):
            glyph = np.full((60, 60), 255, np.uint8)
            cv2.putText(glyph, label, (12, 45), cv2.FONT_HERSHEY_SIMPLEX, chance.uniform(1, 1.6), 0, 3)
            left, top, width, height = cv2.boundingRect(255 - glyph)
            glyph = glyph[max(top - 4, 0) : top + height + 4, max(left - 4, 0) : left + width + 4]
            write_rgb(folder / "glyphs" / label / f"{i:06}.png", cv2.cvtColor(glyph, cv2.COLOR_GRAY2RGB))
    return folder / "glyphs"


def write_rgb(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = [cv2.IMWRITE_JPEG_QUALITY, 95] if path.suffix == ".jpg" else []
    assert cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), suffix)


StandIn = Callable[[Path], Path]
