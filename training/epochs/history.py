"""The course of a training, and the state from which an interrupted one goes on.

The state is one file that is replaced as a whole: Keras's BackupAndRestore writes two, and a kill between them leaves
what it cannot read.
"""

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import keras
import msgspec
import numpy as np

from edge.errors import ModelError, UsageError
from edge.files import replacing

# What must be the same for a training to be continued.
Plan = dict[str, str]


@dataclass(frozen=True)
class Epoch:
    """One epoch: mean loss and accuracy on both sides, and the learning rate of its first step."""

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


def write_state(path: Path, plan: Plan, history: History, network: keras.Model) -> None:
    """Write `plan`, `history` and every variable of `network` and of its optimiser."""
    variables = (*network.variables, *network.optimizer.variables)
    arrays = {f"variable_{i}": keras.ops.convert_to_numpy(variable) for i, variable in enumerate(variables)}
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, state=np.array(msgspec.json.encode((plan, history)).decode()), **arrays)


def read_state(path: Path, plan: Plan, network: keras.Model) -> History:
    """Give the compiled `network` the variables that were written, and return the history.

    Raises UsageError, naming the first difference, if another `plan` was written, and ModelError for a damaged file.
    """
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            before, history = msgspec.json.decode(str(file["state"]), type=tuple[Plan, History])
            values = [file[f"variable_{i}"] for i in range(len(file.files) - 1)]
    except (OSError, ValueError, KeyError, BadZipFile, msgspec.MsgspecError) as error:
        raise ModelError(f"{path}: the state of the training is damaged ({error}); start anew") from None
    for name in before | plan:
        if before.get(name) != plan.get(name):
            found = f"{name} was {before.get(name)} and is now {plan.get(name)}"
            raise UsageError(f"--resume must continue the same training: {found}")
    network.optimizer.build(network.trainable_variables)
    for variable, value in zip((*network.variables, *network.optimizer.variables), values, strict=True):
        variable.assign(value)
    return history
