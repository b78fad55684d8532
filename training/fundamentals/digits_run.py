"""The digits network as a Keras model and as a run folder, so that it exports like every other network."""

import shutil
from pathlib import Path

import keras
import numpy as np
from keras import layers

from edge.spec import SPEC_FORMAT, ModelSpec, TrainingRecord
from export.preprocessing import build_preprocessing, network_shape
from training.fundamentals.digits_network import PREPROCESSING, DigitsTraining, train_digits
from training.fundamentals.weights import Weights
from training.train_run import Trained, claim_run_folder, write_run


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
    """Train, and write the run folder `path`, whole or not at all. Raises UsageError if it is something already."""
    unfinished = claim_run_folder(path)
    try:
        trained = train_digits(epochs, seed)
        network = to_keras(trained.weights)
        spec = _spec(trained, path.resolve().name)
        run = Trained(network, trained.history, trained.report, trained.held_out, spec)
        write_run(run, trained.dataset, unfinished)
        unfinished.path.replace(path)
    finally:
        shutil.rmtree(unfinished.path, ignore_errors=True)
    return trained


def _spec(trained: DigitsTraining, name: str) -> ModelSpec:
    return ModelSpec(
        format=SPEC_FORMAT,
        name=name,
        version=None,
        labels=trained.dataset.labels,
        preprocessing=PREPROCESSING,
        regions=None,
        training=TrainingRecord(
            recipe="backpropagation",
            dataset=trained.dataset.name,
            data_digest=trained.dataset.digest(),
            training_images=len(trained.train),
            held_out_images=len(trained.held_out),
            held_out_accuracy=trained.report.accuracy,
            epochs=trained.descent.epochs,
            seed=trained.descent.seed,
        ),
        parity=None,
        self_test=None,
    )
