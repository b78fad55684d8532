"""The digits network as a Keras model and as a run folder, so that it exports like every other network."""

from pathlib import Path

import keras
import numpy as np
from keras import layers

from export.preprocess import build_preprocessing, network_shape
from training.claim_run import claimed_run_folder
from training.fundamentals.digits_network import PREPROCESSING, DigitsTraining, train_digits
from training.fundamentals.weights import Weights
from training.recipe import Recipe
from training.train import Material, Trained
from training.write_run import describe_model, finish_run, write_history

# It is trained here and not by the recipes' optimisers; what is left of a recipe is its name and its pictures.
RECIPE = Recipe(
    name="backpropagation",
    summary="64-32-16-10 by our own backpropagation",
    source="chapter 10",
    reported="98 %",
    dataset="digits",
    preprocessing=PREPROCESSING,
)


def to_keras(weights: Weights) -> keras.Model:
    """Return a Keras model with these weights, float32 [N, 8, 8, 1] to probabilities [N, classes]."""
    *hidden, last = weights
    network = keras.Sequential(
        [
            keras.Input(network_shape(build_preprocessing(PREPROCESSING))),
            layers.Flatten(),
            *(layers.Dense(matrix.shape[1], activation="sigmoid") for matrix in hidden),
            layers.Dense(last.shape[1], activation="softmax"),
        ],
        name="backpropagation",
    )
    network.set_weights([part.astype(np.float32) for matrix in weights for part in (matrix[:-1], matrix[-1])])
    return network


def train_digits_run(epochs: int, seed: int, path: Path) -> DigitsTraining:
    """Train, and write the run folder `path`. Raises UsageError if it is something already."""
    with claimed_run_folder(path, resume=False) as run:
        digits = train_digits(epochs, seed)
        material = Material(digits.dataset, digits.prepared, digits.split)
        trained = Trained(to_keras(digits.weights), digits.history, digits.report, 1.0, digits.probabilities)
        write_history(run, digits.history, RECIPE.name)
        finish_run(trained, describe_model(trained, RECIPE, material, path.resolve().name, seed, None), material, run)
    return digits
