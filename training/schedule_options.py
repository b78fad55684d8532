"""The options of `eyespot train` that choose another schedule than the recipe's, or change its parameters."""

import argparse
import dataclasses
from typing import TYPE_CHECKING

from edge.arguments import above_zero, positive, share
from edge.cli import unknown_name
from edge.errors import UsageError
from training.schedules import Constant, Cosine, Plateau, Schedule, StepDecay, TimeDecay

if TYPE_CHECKING:
    from training.recipe import Recipe

KINDS: dict[str, type[Schedule]] = {s.kind: s for s in (Constant, TimeDecay, StepDecay, Cosine, Plateau)}
# Each option by the field of a schedule that it sets. Where the field is left open, `_default` fills it.
FIELDS = {
    "schedule_decay": "decay",
    "schedule_factor": "factor",
    "schedule_every": "every_epochs",
    "schedule_patience": "patience_epochs",
}
# Starter Bundle, chapter 16: the factor that did better there, and how often the rate drops.
STEP_FACTOR, STEP_EVERY_EPOCHS = 0.5, 5
# Keras's ReduceLROnPlateau has this factor; its patience of 10 epochs is longer than many recipes train.
PLATEAU_FACTOR, PLATEAU_PATIENCE_EPOCHS = 0.1, 5


def add_schedule_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options, in a group of their own."""
    group = parser.add_argument_group("learning rate")
    group.add_argument("--learning-rate", type=above_zero, metavar="R", help="(default: the recipe's own)")
    group.add_argument("--schedule", type=schedule_kind, metavar="NAME", help=", ".join(KINDS))
    group.add_argument("--schedule-decay", type=above_zero, metavar="D", help="of time-decay (default R / epochs)")
    group.add_argument("--schedule-factor", type=share, metavar="F", help="of step-decay (.5) and plateau (.1)")
    group.add_argument("--schedule-every", type=positive, metavar="N", help="epochs from drop to drop, of step-decay")
    group.add_argument("--schedule-patience", type=positive, metavar="N", help="epochs without a new low, of plateau")


def schedule_kind(text: str) -> str:
    """Return the name of a schedule, for argparse, which says the nearest one if there is none such."""
    if text not in KINDS:
        raise argparse.ArgumentTypeError(unknown_name("schedule", text, list(KINDS)))
    return text


def choose_schedule(recipe: "Recipe", arguments: argparse.Namespace) -> Schedule:
    """Return the recipe's schedule with what `arguments` change of it.

    Raises UsageError for a parameter that the schedule, or a schedule that the recipe, does not have.
    """
    given = [option for option in ("learning_rate", "schedule", *FIELDS) if getattr(arguments, option)]
    if recipe.memory is not None and given:
        raise UsageError(f"the recipe {recipe.name} is not trained in steps; leave out --{given[0].replace('_', '-')}")
    rate = arguments.learning_rate or recipe.schedule.rate
    kind = arguments.schedule or recipe.schedule.kind
    base = recipe.schedule if kind == recipe.schedule.kind else _default(kind, rate, arguments.epochs or recipe.epochs)
    changes = {field: getattr(arguments, option) for option, field in FIELDS.items() if getattr(arguments, option)}
    for option, field in FIELDS.items():
        if field in changes and not hasattr(base, field):
            raise UsageError(_misplaced(option, field, kind))
    return dataclasses.replace(base, rate=rate, **changes)


def _misplaced(option: str, field: str, kind: str) -> str:
    owners = [name for name, schedule in KINDS.items() if field in {f.name for f in dataclasses.fields(schedule)}]
    return (
        f"--{option.replace('_', '-')} belongs to {' and '.join(owners)}, and the schedule is {kind}; "
        "choose another with --schedule, or leave it out"
    )


def _default(kind: str, rate: float, epochs: int) -> Schedule:
    defaults: dict[str, Schedule] = {
        Constant.kind: Constant(rate),
        TimeDecay.kind: TimeDecay(rate, decay=rate / epochs),  # chapter 15
        StepDecay.kind: StepDecay(rate, STEP_FACTOR, STEP_EVERY_EPOCHS),
        Cosine.kind: Cosine(rate),
        Plateau.kind: Plateau(rate, PLATEAU_FACTOR, PLATEAU_PATIENCE_EPOCHS),
    }
    return defaults[kind]
