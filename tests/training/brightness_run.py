"""A run folder without a training: a network of known weights that tells bright pictures from dark ones."""

import math
from pathlib import Path

import keras
import numpy as np
from keras import layers
from PIL import Image
from training.datasets.folder import load_folder
from training.history import History
from training.prepare import prepare
from training.split import Split
from training.write_run import describe_model, finish_run

from edge.steps import Grey, Resize, Scale
from export.run_folder import RunFolder
from training.recipe import Recipe
from training.report import make_report
from training.train import Material, Trained

SIDE_PX = 4
STEEPNESS = 12.0
# Grey levels of the pictures of each class; 20 and 90 are taken for dark, 160 for bright.
LEVELS = {"bright": (20, 90, 200, 230, 250), "dark": (0, 10, 30, 60, 160)}
RECIPE = Recipe("brightness", "", "", "", "", (Resize(SIDE_PX, SIDE_PX, "antialias"), Grey(), Scale(1 / 255)))


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


def make_run(folder: Path, pictures: Path, cache: Path) -> Path:
    """Write the run folder with all pictures held out, by the functions that a training uses."""
    dataset = load_folder(pictures)
    prepared = prepare(dataset, RECIPE.preprocessing, cache, lambda _: None)
    everything = np.arange(len(dataset.names))
    material = Material(dataset, prepared, Split(everything, everything))
    network = make_network()
    probabilities = network.predict(prepared.arrays, verbose=0)
    report = make_report(dataset.labels, dataset.targets, probabilities)
    trained = Trained(network, History(), report, 1.0, probabilities)
    run = RunFolder(folder)
    finish_run(trained, describe_model(trained, RECIPE, material, folder.name, 1, None), material, run)
    return folder
