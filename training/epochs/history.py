"""The course of a training, epoch by epoch, and what can be read from it (Starter Bundle, chapters 16 to 18)."""

import math
from dataclasses import dataclass

# Epochs without a new low of the validation loss, while the training loss fell, that count as overfitting.
OVERFITTING_EPOCHS = 5
# A smaller rise than both, the share and the amount, is the noise of a training that has converged.
OVERFITTING_SHARE, OVERFITTING_RISE = 0.1, 0.05
# A training accuracy below this multiple of guessing, at the end, has not learned.
UNDERFITTING_FACTOR = 1.5
STILL_FALLING_SHARE = 0.05
DIVERGENCE_FACTOR = 2.0
EARLY_EPOCHS = 3


@dataclass(frozen=True)
class Epoch:
    """One epoch: mean loss and accuracy on both sides, and the learning rate of its last step."""

    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float


@dataclass(frozen=True)
class History:
    """All epochs that are over, the first first."""

    epochs: tuple[Epoch, ...] = ()

    def series(self, name: str) -> list[float]:
        """Return one figure of every epoch; `name` is a field of Epoch."""
        return [getattr(epoch, name) for epoch in self.epochs]

    def best_epoch(self) -> int:
        """Return the number, from 1, of the epoch with the best validation accuracy, and then the lowest loss."""
        figures = [(-epoch.validation_accuracy, epoch.validation_loss) for epoch in self.epochs]
        return figures.index(min(figures)) + 1

    def has_stalled(self, patience_epochs: int) -> bool:
        """Whether none of the last `patience_epochs` was the best."""
        return len(self.epochs) - self.best_epoch() >= patience_epochs


def diagnose(history: History, classes: int) -> list[str]:
    """Return what the curves show that a person should know, one sentence each; nothing where all is well."""
    checks = (_diverging(history), _overfitting(history), _underfitting(history, classes))
    return [sentence for sentence in checks if sentence]


def _diverging(history: History) -> str | None:
    losses = history.series("loss")
    if len(losses) > 1 and losses[-1] > DIVERGENCE_FACTOR * min(losses) and losses[-1] > losses[0]:
        return f"diverging: the training loss rose from {min(losses):.3g} to {losses[-1]:.3g}; lower the learning rate"
    return None


def _overfitting(history: History) -> str | None:
    losses, validation = history.series("loss"), history.series("validation_loss")
    best, last = validation.index(min(validation)) + 1, len(history.epochs)
    rise = validation[-1] - validation[best - 1]
    is_noise = rise <= OVERFITTING_RISE or rise <= validation[best - 1] * OVERFITTING_SHARE
    if last - best < OVERFITTING_EPOCHS or losses[-1] >= losses[best - 1] or is_noise:
        return None
    return (
        f"overfitting: since epoch {best} the validation loss rose from {validation[best - 1]:.3g} to "
        f"{validation[-1]:.3g} while the training loss fell; gather more pictures, or see --augment and "
        "--early-stopping"
    )


def _underfitting(history: History, classes: int) -> str | None:
    losses, accuracy = history.series("loss"), history.series("accuracy")
    if len(losses) < EARLY_EPOCHS:
        return None
    guessing = UNDERFITTING_FACTOR / classes
    if accuracy[-1] < min(guessing, math.sqrt(1 / classes)):
        return f"underfitting: {accuracy[-1]:.0%} of the training images after {len(losses)} epochs; try a larger rate"
    falling = (losses[-2] - losses[-1]) / losses[-2] if losses[-2] else 0.0
    if falling > STILL_FALLING_SHARE and accuracy[-1] < 0.9 and history.best_epoch() == len(losses):
        return "underfitting: the losses are still falling steeply; train for more epochs"
    return None
