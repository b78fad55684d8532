"""Keep what a training needs to go on after Ctrl-C, a kill or a power cut: one file, replaced as a whole.

It holds every variable of the network and of the optimiser, the states of random generators among them, the
history, and the plan, so that a training is never continued as another one.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from zipfile import BadZipFile

import keras
import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.errors import ModelError, UsageError
from edge.files import replacing
from training.history import History


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


def take_state(plan: Plan, history: History, trainee: keras.Model) -> State:
    """Return a copy of all that `trainee` is made of now, so that it may be written while training goes on."""
    variables = (*trainee.variables, *trainee.optimizer.variables)
    return State(plan, history, tuple(np.copy(keras.ops.convert_to_numpy(variable)) for variable in variables))


def restore_state(state: State, trainee: keras.Model) -> None:
    """Give a newly built and compiled `trainee` the variables of `state`."""
    trainee.optimizer.build(trainee.trainable_variables)
    for variable, value in zip((*trainee.variables, *trainee.optimizer.variables), state.variables, strict=True):
        variable.assign(value)


def write_state(state: State, path: Path) -> None:
    """Write `state`; whatever happens meanwhile, `path` holds all of it or all of the one before."""
    text = json.dumps({"plan": msgspec.to_builtins(state.plan), "history": msgspec.to_builtins(state.history)})
    arrays = {f"variable_{i}": value for i, value in enumerate(state.variables)}
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, state=np.array(text), **arrays)  # type: ignore[arg-type]  # allow_pickle is not among them


def parse_state(raw: BinaryIO, where: str) -> State:
    """Return the state that `write_state` wrote, read from an open file; `where` names it in a ModelError."""
    try:
        with np.load(raw, allow_pickle=False) as file:
            text = json.loads(str(file["state"]))
            variables = tuple(file[f"variable_{i}"] for i in range(len(file.files) - 1))
        return State(msgspec.convert(text["plan"], Plan), msgspec.convert(text["history"], History), variables)
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise ModelError(f"{where}: the state of the training is damaged ({error}); start anew") from None


def require_same_plan(now: Plan, before: Plan) -> None:
    """Raise UsageError, naming the first difference, if a training would go on as another one."""
    found = difference(before, now)
    if found is not None:
        name, old, new = found
        raise UsageError(f"--resume must continue the same training: {name} was {old!r} and is now {new!r}")


def difference(first: Plan, second: Plan) -> tuple[str, object, object] | None:
    """Return the name of the first thing in which two plans differ and what it is in each; None if they are equal."""
    one, other = (msgspec.to_builtins(plan) for plan in (first, second))
    one, other = ({**plan, **plan["options"], "options": None} for plan in (one, other))
    names = [*one, *(name for name in other if name not in one)]
    return next(((name, one.get(name), other.get(name)) for name in names if one.get(name) != other.get(name)), None)
