"""What the curves show: made-up trainings whose trouble is known."""

import pytest

from training.history import Epoch, History, diagnose


def history(losses: list[float], held_out: list[float], accuracy: float = 0.95) -> History:
    return History(tuple(Epoch(a, accuracy, b, accuracy, 0.01) for a, b in zip(losses, held_out, strict=True)))


def test_a_good_training_gives_no_warning() -> None:
    assert diagnose(history([1.0, 0.5, 0.3, 0.25], [1.1, 0.6, 0.4, 0.39]), classes=10) == []


def test_overfitting_names_the_epoch_it_began_at() -> None:
    falling = [1.0 / (i + 1) for i in range(12)]
    rising = [1.0, 0.7, 0.5, 0.45] + [0.5 + 0.05 * i for i in range(8)]
    (warning,) = diagnose(history(falling, rising), classes=10)
    assert warning.startswith("overfitting: since epoch 4 ")


def test_the_noise_of_a_converged_training_is_no_overfitting() -> None:
    """As lenet ends on digits: 99.8 % right, and losses that no longer mean anything."""
    assert diagnose(history([0.04] + [0.02] * 6, [0.0067] + [0.0084] * 6, accuracy=0.998), classes=10) == []


def test_a_rising_training_loss_is_divergence() -> None:
    (warning,) = diagnose(history([2.3, 3.0, 8.0], [2.3, 3.1, 8.2], accuracy=0.6), classes=10)
    assert warning.startswith("diverging")


@pytest.mark.parametrize(
    ("losses", "accuracy", "advice"),
    [([2.30, 2.30, 2.30], 0.11, "larger rate"), ([2.3, 1.8, 1.3], 0.6, "more epochs")],
)
def test_underfitting_says_what_to_try(losses: list[float], accuracy: float, advice: str) -> None:
    (warning,) = diagnose(history(losses, losses, accuracy), classes=10)
    assert warning.startswith("underfitting")
    assert advice in warning


def test_best_epoch_and_stalling() -> None:
    some = history([1, 1, 1, 1], [0.9, 0.5, 0.6, 0.7])
    assert some.best_epoch() == 2
    assert some.has_stalled(2)
    assert not some.has_stalled(3)
