"""What the digits network reaches, and that it saw what it should have seen."""

import dataclasses

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score, log_loss

from training.fundamentals.backpropagation import predict
from training.fundamentals.digits_network import DigitsTraining, train_digits


@pytest.mark.slow
def test_at_least_98_percent_of_the_held_out_quarter(digits_training: DigitsTraining) -> None:
    bundle = load_digits()
    # The graph rounds 0 to 16 to whole levels of 255; straight from scikit-learn they differ by half a level.
    inputs = np.rint(bundle.data * 255 / 16) / 255
    held_out = digits_training.split.held_out
    probabilities = predict(digits_training.weights, inputs[held_out])
    assert accuracy_score(bundle.target[held_out], probabilities.argmax(axis=1)) >= 0.98
    accuracy = accuracy_score(bundle.target[held_out], probabilities.argmax(axis=1))
    assert digits_training.report.accuracy == digits_training.history.epochs[-1].held_out_accuracy == accuracy
    loss = log_loss(bundle.target[held_out], probabilities)
    # The inputs of the training are float32.
    assert digits_training.history.epochs[-1].held_out_loss == pytest.approx(loss, abs=1e-6)


@pytest.mark.slow
def test_a_quarter_of_every_class_was_held_out(digits_training: DigitsTraining) -> None:
    train, held_out = digits_training.split.train, digits_training.split.held_out
    assert sorted(np.concatenate([train, held_out])) == list(range(1797))
    targets = digits_training.dataset.targets
    shares = np.bincount(targets[held_out]) / np.bincount(targets)
    np.testing.assert_allclose(shares, 0.25, atol=0.01)  # classes have about 180 images, so one is half a percent


def test_the_network_is_64_32_16_10() -> None:
    trained = train_digits(epochs=1, seed=0)
    assert [w.shape for w in trained.weights] == [(65, 32), (33, 16), (17, 10)]
    assert len(trained.history.epochs) == 1


def test_the_same_seed_gives_the_same_network() -> None:
    first, second, other = (train_digits(epochs=2, seed=seed) for seed in (1, 1, 2))
    for a, b in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    assert dataclasses.asdict(first.report) == dataclasses.asdict(second.report)
    assert not np.array_equal(first.weights[0], other.weights[0])
