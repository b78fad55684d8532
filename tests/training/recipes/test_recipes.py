"""The recipes hold the hyperparameters of the book: this table is typed from it, not from the code."""

import ast
from pathlib import Path

import numpy as np
import pytest
from training.networks.knn import NearestNeighbours
from training.optimizers import Adam, Sgd
from training.schedules import Constant, StepDecay, TimeDecay

import training.recipes
from edge.errors import UsageError
from edge.spec import Faces, Glyphs
from edge.steps import Fit, Grey, Resize, Scale
from export.preprocess import build_preprocessing, network_shape
from training.networks.architecture import Architecture
from training.recipes import MODULES, load_recipe, recipe_table

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


# Name: classes in the book, and the weights and biases of its network for pictures of the book's size.
LENET = (25 * 20 + 20) + (25 * 20 * 50 + 50) + (7 * 7 * 50 * 500 + 500)
CONVOLUTIONS = (27 * 32 + 32) + (288 * 32 + 32) + (288 * 64 + 64) + (576 * 64 + 64)
MINIVGGNET = CONVOLUTIONS + (8 * 8 * 64 * 512 + 512) + (512 * 10 + 10)
NORMALISATION = 4 * (32 + 32 + 64 + 64 + 512)
NETWORKS = {
    "linear": (3, 3072 * 3 + 3),
    "linear-l1": (3, 3072 * 3 + 3),
    "linear-l2": (3, 3072 * 3 + 3),
    "mlp-mnist": (10, (784 * 256 + 256) + (256 * 128 + 128) + (128 * 10 + 10)),
    "mlp-cifar10": (10, (3072 * 1024 + 1024) + (1024 * 512 + 512) + (512 * 10 + 10)),
    "shallownet-animals": (3, (27 * 32 + 32) + (32 * 32 * 32 * 3 + 3)),
    "shallownet-cifar10": (10, (27 * 32 + 32) + (32 * 32 * 32 * 10 + 10)),
    "lenet-mnist": (10, LENET + 500 * 10 + 10),
    "minivggnet-cifar10": (10, MINIVGGNET + NORMALISATION),
    "minivggnet-cifar10-plain": (10, MINIVGGNET),
    "minivggnet-step": (10, MINIVGGNET + NORMALISATION),
    "minivggnet-step-slow": (10, MINIVGGNET + NORMALISATION),
    "captcha": (9, LENET + 500 * 9 + 9),
    "smiles": (2, LENET + 500 * 2 + 2),
}


@pytest.mark.parametrize("name", BOOK)
def test_the_network_and_the_size_of_its_pictures_are_the_books(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.network is not None
    classes, parameters = NETWORKS[name]
    shape = network_shape(build_preprocessing(recipe.preprocessing))
    assert recipe.network(Architecture(*shape, classes)).count_params() == parameters


@pytest.mark.parametrize(("name", "l1", "l2"), [("linear", 0, 0), ("linear-l1", 1e-4, 0), ("linear-l2", 0, 1e-4)])
def test_the_penalty_is_that_of_scikit_learns_classifier(name: str, l1: float, l2: float) -> None:
    recipe = load_recipe(name)
    assert recipe.network is not None
    network = recipe.network(Architecture(2, 2, 3, 3))
    weights = np.arange(36, dtype=np.float32).reshape(12, 3) - 7
    network.set_weights([weights, np.ones(3, np.float32)])
    expected = l1 * np.abs(weights).sum() + l2 * np.square(weights).sum() / 2
    assert sum(map(float, network.losses)) == pytest.approx(expected)


def test_knn_asks_one_neighbour_about_raw_pixels() -> None:
    recipe = load_recipe("knn")
    assert recipe.memory == NearestNeighbours(k=1)
    assert recipe.preprocessing == (Resize(32, 32, "antialias"), Scale(1 / 255))
    assert (recipe.dataset, recipe.reported) == ("", "52 %")


def test_what_is_looked_for_stands_in_the_recipes_of_captchas_and_smiles_alone() -> None:
    found = {name: load_recipe(name).regions for name in MODULES}
    assert {name: regions for name, regions in found.items() if regions} == {"captcha": Glyphs(4), "smiles": Faces()}


def test_captcha_keeps_the_proportions_of_a_glyph() -> None:
    assert Fit(28, 28, "area", "replicate", 0) in load_recipe("captcha").preprocessing


def test_all_of_the_book_and_one_of_our_own() -> None:
    assert set(MODULES) - set(BOOK) == {"knn", "lenet"}


def test_smiles_weighs_classes_and_holds_out_a_fifth() -> None:
    recipe = load_recipe("smiles")
    assert (recipe.balanced_classes, recipe.held_out_share) == (True, 0.2)


@pytest.mark.parametrize("name", MODULES)
def test_a_recipe_fits_its_own_network(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert (recipe.network is None) != (recipe.memory is None)
    (resize,) = [step for step in recipe.preprocessing if isinstance(step, Resize | Fit)]
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
