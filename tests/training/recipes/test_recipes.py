"""The recipes hold the hyperparameters of the book: this table is typed from it, not from the code."""

import ast
from pathlib import Path

import pytest

import training.recipes
from edge.errors import UsageError
from edge.steps import Grey, Resize
from training.networks.architecture import Architecture
from training.optimizers import Adam, Sgd
from training.recipes import MODULES, load_recipe, recipe_table
from training.schedules import Constant, StepDecay, TimeDecay

NESTEROV = Sgd(momentum=0.9, nesterov=True)
# Name: data set, optimiser, schedule, batch, epochs, accuracy in the book.
BOOK = {
    "linear": ("", Sgd(), Constant(0.01), 1, 10, "50 %"),
    "linear-l1": ("", Sgd(), Constant(0.01), 1, 10, "53 %"),
    "linear-l2": ("", Sgd(), Constant(0.01), 1, 10, "55 %"),
    "mlp-mnist": ("mnist", Sgd(), Constant(0.01), 128, 100, "92 %"),
    "mlp-cifar10": ("cifar10", Sgd(), Constant(0.01), 32, 100, "57 %"),
    "shallownet-animals": ("", Sgd(), Constant(0.005), 32, 100, "71 %"),
    "shallownet-cifar10": ("cifar10", Sgd(), Constant(0.01), 32, 40, "60 %"),
    "lenet-mnist": ("mnist", Sgd(), Constant(0.01), 128, 20, "98 %"),
    "minivggnet-cifar10": ("cifar10", NESTEROV, TimeDecay(0.01, 0.01 / 40), 64, 40, "83 %"),
    "minivggnet-cifar10-plain": ("cifar10", NESTEROV, TimeDecay(0.01, 0.01 / 40), 64, 40, "79 %"),
    "minivggnet-step": ("cifar10", NESTEROV, StepDecay(0.01, 0.25, 5), 64, 40, "79 %"),
    "minivggnet-step-slow": ("cifar10", NESTEROV, StepDecay(0.01, 0.5, 5), 64, 40, "82 %"),
    "captcha": ("", Sgd(), Constant(0.01), 32, 15, "100 %"),
    "smiles": ("", Adam(), Constant(0.001), 64, 15, "93 %"),
}


@pytest.mark.parametrize("name", BOOK)
def test_hyperparameters_are_the_books(name: str) -> None:
    recipe = load_recipe(name)
    found = (recipe.dataset, recipe.optimizer, recipe.schedule, recipe.batch_size, recipe.epochs, recipe.reported)
    assert found == BOOK[name]


def test_smiles_weighs_classes_and_holds_out_a_fifth() -> None:
    recipe = load_recipe("smiles")
    assert (recipe.balanced_classes, recipe.held_out_share) == (True, 0.2)


@pytest.mark.parametrize("name", MODULES)
def test_a_recipe_fits_its_own_network(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert (recipe.network is None) != (recipe.memory is None)
    (resize,) = [step for step in recipe.preprocessing if isinstance(step, Resize)]
    channels = 1 if Grey() in recipe.preprocessing else 3
    if recipe.network:
        network = recipe.network(Architecture(resize.height, resize.width, channels, 4))
        assert network.output_shape == (None, 4)


@pytest.mark.parametrize("module", sorted(set(MODULES.values())))
def test_the_header_says_what_a_recipe_must_say(module: str) -> None:
    path = Path(training.recipes.__file__).parent / f"{module.rpartition('.')[2]}.py"
    header = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    for field in ("Command:   eyespot train ", "Data:      ", "Source:    ", "Expected:  ", "Time here: "):
        assert field in header


def test_the_list_shows_every_recipe() -> None:
    lines = recipe_table().splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(MODULES)


def test_an_unknown_recipe_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'lenet'"):
        load_recipe("lenett")
