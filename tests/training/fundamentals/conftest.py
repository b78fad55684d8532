"""One whole training of the digits network, which several tests look at from different sides."""

import pytest

from training.fundamentals.digits_network import DigitsTraining, train_digits


@pytest.fixture(scope="session")
def digits_training() -> DigitsTraining:
    """The network of `python -m training.fundamentals.backpropagation` with all defaults; a few seconds."""
    return train_digits(epochs=200, seed=42)
