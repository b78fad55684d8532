"""The loop for several devices, with one, against Keras's own: the same figures from the same batches."""

from collections.abc import Callable

import numpy as np
import pytest

from edge.errors import DivergenceError
from export.quiet_tensorflow import start_tensorflow

start_tensorflow()
import keras
import tensorflow as tf

from training.batches import Batches
from training.fit import Course, fit, make_repeatable
from training.history import History
from training.schedules import Cosine, Plateau
from training.strategy import Replicas

CHANCE = np.random.default_rng(0)
ARRAYS = CHANCE.random((60, 6, 6, 1), np.float32)
TARGETS = (ARRAYS.mean(axis=(1, 2, 3)) > 0.5).astype(np.int64)
WEIGHTS = CHANCE.uniform(0.5, 2, 60).astype(np.float32)


def side(rows: range, seed: int | None) -> Batches:
    return Batches(ARRAYS, TARGETS, WEIGHTS, np.array(rows), 8, seed)


def network() -> keras.Model:
    """One with a regulariser, measured averages and a generator: all that the loop must treat on its own."""
    make_repeatable(5)
    layers = [
        keras.Input((6, 6, 1)),
        keras.layers.RandomTranslation(0.1, 0.1, seed=3),
        keras.layers.Flatten(),
        keras.layers.Dense(8, "relu", kernel_regularizer=keras.regularizers.L2(0.01)),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.25, seed=4),
        keras.layers.Dense(2),
        keras.layers.Activation("softmax"),
    ]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.SGD(momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def figures(course: Callable[[Replicas | None], Course], replicas: Replicas | None) -> np.ndarray:
    if replicas:
        with replicas.strategy.scope():
            model = network()
    else:
        model = network()
    history = fit(model, side(range(43), 1), side(range(43, 60), None), course(replicas), History(), lambda _: None)
    return np.array([list(vars(epoch).values()) for epoch in history.epochs])


@pytest.fixture(scope="module")
def one() -> Replicas:
    return Replicas(tf.distribute.MirroredStrategy(["CPU:0"]))


@pytest.mark.slow
def test_history_is_that_of_keras_fit(one: Replicas) -> None:
    def course(replicas: Replicas | None) -> Course:
        return Course(Cosine(0.01), 4, replicas=replicas)

    # Keras compiles its step otherwise, and keeps means in float32.
    assert figures(course, one) == pytest.approx(figures(course, None), rel=1e-4)


@pytest.mark.slow
def test_plateau_and_early_stopping_steer_both_alike(one: Replicas) -> None:
    def course(replicas: Replicas | None) -> Course:
        return Course(Plateau(1e-12, 0.5, 1), 9, early_stopping_epochs=3, replicas=replicas)

    spread, whole = figures(course, one), figures(course, None)
    assert len(spread) == len(whole) < 9
    assert spread[:, -1] == pytest.approx(whole[:, -1])
    assert spread[-1, -1] < spread[0, -1]


def test_a_loss_that_is_no_number_names_epoch_and_step(one: Replicas) -> None:
    data = side(range(43), None)
    data.arrays = ARRAYS.copy()
    data.arrays[20] = np.nan  # the third batch of 8
    with one.strategy.scope():
        model = keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    with pytest.raises(DivergenceError, match="nan in epoch 1, step 3"):
        fit(model, data, side(range(43, 60), None), Course(Cosine(0.01), 1, replicas=one), History(), lambda _: None)
