"""The schedule that the options make of a recipe's own."""

import argparse

import pytest

from edge.errors import UsageError
from training.recipes import load_recipe
from training.schedule_options import add_schedule_arguments, choose_schedule
from training.schedules import Constant, Cosine, Plateau, Schedule, StepDecay, TimeDecay


def chosen(recipe: str, *options: str) -> Schedule:
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int)
    add_schedule_arguments(parser)
    return choose_schedule(load_recipe(recipe), parser.parse_args(options))


@pytest.mark.parametrize(
    ("recipe", "options", "expected"),
    [
        ("lenet", [], Cosine(1e-3)),
        ("lenet", ["--learning-rate", "0.01"], Cosine(0.01)),
        ("lenet", ["--schedule", "constant"], Constant(1e-3)),
        ("lenet", ["--schedule", "time-decay", "--epochs", "40", "--learning-rate", "0.01"], TimeDecay(0.01, 0.00025)),
        ("lenet", ["--schedule", "time-decay", "--schedule-decay", "0.1"], TimeDecay(1e-3, 0.1)),
        ("lenet", ["--schedule", "step-decay"], StepDecay(1e-3, 0.5, 5)),
        ("lenet", ["--schedule", "plateau", "--schedule-patience", "2"], Plateau(1e-3, 0.1, 2)),
        # The recipe's own parameters stay where its schedule stays: its factor is a quarter.
        ("minivggnet-step", ["--schedule", "step-decay", "--schedule-every", "8"], StepDecay(0.01, 0.25, 8)),
        ("minivggnet-step", ["--schedule-factor", "0.1"], StepDecay(0.01, 0.1, 5)),
        ("knn", [], load_recipe("knn").schedule),
    ],
)
def test_options_change_what_they_name_and_nothing_else(recipe: str, options: list[str], expected: Schedule) -> None:
    assert chosen(recipe, *options) == expected


@pytest.mark.parametrize(
    ("recipe", "options", "said"),
    [
        (
            "lenet",
            ["--schedule-factor", "0.5"],
            "--schedule-factor belongs to step-decay and plateau, and the schedule is",
        ),
        ("lenet", ["--schedule", "plateau", "--schedule-every", "2"], "--schedule-every belongs to step-decay"),
        ("knn", ["--schedule", "cosine"], "the recipe knn is not trained in steps; leave out --schedule"),
        ("knn", ["--learning-rate", "1"], "leave out --learning-rate"),
    ],
)
def test_a_parameter_of_another_schedule_is_refused(recipe: str, options: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        chosen(recipe, *options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--schedule", "platau"], "unknown schedule 'platau'; did you mean 'plateau'?"),
        (["--learning-rate", "0"], "must be above 0"),
        (["--learning-rate", "nan"], "must be above 0"),
        (["--schedule-factor", "1"], "must be above 0 and below 1"),
    ],
)
def test_a_wrong_value_is_said(options: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        chosen("lenet", *options)
    assert said in capsys.readouterr().err
