"""Keep what a training needs to go on after Ctrl-C, a kill or a power cut, and the networks that were better.

The state is one file, replaced as a whole. It holds every variable of the network and of the optimiser, the history,
and the plan, so that a training is never continued as another one.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from zipfile import BadZipFile

import keras
import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.errors import ModelError, UsageError
from edge.files import replacing
from training.epochs.history import History


@dataclass(frozen=True)
class Plan:
    """What must be the same for a training to be continued; `options` are those that change its course."""

    recipe: str
    data_digest: str
    seed: int
    epochs: int
    batch_size: int
    options: dict[str, str]


@dataclass(frozen=True)
class State:
    """A training after some epochs; `variables` are those of the network and then those of the optimiser."""

    plan: Plan
    history: History
    variables: tuple[NDArray[np.generic], ...]


def take_state(plan: Plan, history: History, network: keras.Model) -> State:
    """Return a copy of all that `network` is made of now, so that it may be written while training goes on."""
    variables = (*network.variables, *network.optimizer.variables)
    return State(plan, history, tuple(np.copy(keras.ops.convert_to_numpy(variable)) for variable in variables))


def restore_state(state: State, network: keras.Model) -> None:
    """Give a newly built and compiled `network` the variables of `state`."""
    network.optimizer.build(network.trainable_variables)
    for variable, value in zip((*network.variables, *network.optimizer.variables), state.variables, strict=True):
        variable.assign(value)


def write_state(state: State, path: Path) -> None:
    """Write `state`; whatever happens meanwhile, `path` holds all of it or all of the one before."""
    text = msgspec.json.encode((state.plan, state.history)).decode()
    arrays = {f"variable_{i}": value for i, value in enumerate(state.variables)}
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, state=np.array(text), **arrays)  # type: ignore[arg-type]  # allow_pickle is not among them


def read_state(path: Path) -> State:
    """Return the state that `write_state` wrote. Raises ModelError if it is damaged."""
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            text = str(file["state"])
            variables = tuple(file[f"variable_{i}"] for i in range(len(file.files) - 1))
        plan, history = msgspec.json.decode(text, type=tuple[Plan, History])
        return State(plan, history, variables)
    except (OSError, ValueError, KeyError, BadZipFile, msgspec.MsgspecError) as error:
        raise ModelError(f"{path}: the state of the training is damaged ({error}); start anew") from None


def require_same_plan(now: Plan, before: Plan) -> None:
    """Raise UsageError, naming the first difference, if a training would go on as another one."""
    old, new = ({**asdict(plan), **plan.options, "options": None} for plan in (before, now))
    for name in {**old, **new}:
        if old.get(name) != new.get(name):
            raise UsageError(
                f"--resume must continue the same training: {name} was {old.get(name)!r} and is now {new.get(name)!r}"
            )


@dataclass(frozen=True)
class Checkpoints:
    """Networks kept in `folder`: `best.keras`, by validation accuracy and then loss, and the newest improvements.

    The latter are `keep` files such as `epoch_007_accuracy_0.9567.keras`.
    """

    folder: Path
    keep: int = 0

    @property
    def best(self) -> Path:
        """The best network so far."""
        return self.folder / "best.keras"

    def after_epoch(self, history: History, network: keras.Model) -> None:
        """Write what is to be kept, if the epoch that just ended is the best so far."""
        if history.best_epoch() != len(history.epochs):
            return
        self._save(network, self.best)
        if self.keep:
            accuracy = history.epochs[-1].validation_accuracy
            self._save(network, self.folder / f"epoch_{len(history.epochs):03}_accuracy_{accuracy:.4f}.keras")
            kept = sorted(self.folder.glob("epoch_*.keras"), key=lambda path: int(path.name.split("_")[1]))
            for old in kept[: -self.keep]:
                old.unlink()

    def _save(self, network: keras.Model, path: Path) -> None:
        with replacing(path) as temporary:
            network.save(temporary)
