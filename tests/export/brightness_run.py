"""A run folder without a training: a network of known weights that tells bright pictures from dark ones."""

import math
from pathlib import Path

import keras
import numpy as np
from keras import layers
from PIL import Image

from edge.spec import SPEC_FORMAT, ModelSpec
from edge.steps import Grey, Resize, Scale
from export.evaluation import record_of
from export.run_folder import LabelledImage, RunFolder, write_calibration, write_evaluation_images

SIDE_PX = 4
STEEPNESS = 12.0
# Grey levels of the pictures of each class; 20 and 90 are taken for dark, 160 for bright.
LEVELS = {"bright": (20, 90, 200, 230, 250), "dark": (0, 10, 30, 60, 160)}
STEPS = (Resize(SIDE_PX, SIDE_PX, "antialias"), Grey(), Scale(1 / 255))


def bright_probability(level: int) -> float:
    """What the network must say of a picture of one grey level, computed without it."""
    return 1 / (1 + math.exp(-STEEPNESS * (level / 255 - 0.5)))


def write_pictures(folder: Path, levels: dict[str, tuple[int, ...]] = LEVELS) -> Path:
    """Write a class folder for each label, and in it a picture of 7 x 5 pixels for each level."""
    for label, greys in levels.items():
        (folder / label).mkdir(parents=True)
        for grey in greys:
            Image.new("RGB", (7, 5), (grey, grey, grey)).save(folder / label / f"grey_{grey:03}.png")
    return folder


def make_network() -> keras.Model:
    network = keras.Sequential(
        [keras.Input((SIDE_PX, SIDE_PX, 1)), layers.Flatten(), layers.Dense(2), layers.Activation("softmax")]
    )
    slope = np.full((SIDE_PX**2, 1), STEEPNESS / SIDE_PX**2, np.float32)
    network.set_weights([np.hstack([slope, 0 * slope]), np.array([-STEEPNESS / 2, 0], np.float32)])
    return network


def make_run(folder: Path, pictures: Path) -> Path:
    """Write the run folder with all pictures held out, in the form that a training leaves."""
    run = RunFolder(folder)
    folder.mkdir()
    make_network().save(run.model)
    paths = sorted(pictures.rglob("*.png"))
    images = [
        LabelledImage(path.relative_to(pictures).as_posix(), path.parent.name, path.read_bytes()) for path in paths
    ]
    write_evaluation_images(run.evaluation_images, images)
    write_calibration(run.calibration, images)
    labels = tuple(LEVELS)
    levels = [int(path.stem.removeprefix("grey_")) for path in paths]
    probabilities = np.array([[bright_probability(level), 1 - bright_probability(level)] for level in levels])
    targets = np.array([labels.index(path.parent.name) for path in paths])
    record = record_of(probabilities.astype(np.float32), targets, "brightness", "ab12", 1.0)
    spec = ModelSpec(SPEC_FORMAT, folder.name, None, labels, STEPS, None, None, record, None, None)
    run.spec.write_text(spec.to_json())
    return folder
