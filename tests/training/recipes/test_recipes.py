"""The recipes hold the hyperparameters of the book: this table is typed from it, not from the code."""

import ast
from importlib.util import find_spec
from pathlib import Path

import pytest

from edge.errors import UsageError
from edge.spec import Faces, Glyphs
from edge.steps import Fit, Resize, Scale
from export.preprocess import build_preprocessing, network_shape
from training.epochs.optimizers import Adam, Sgd
from training.epochs.schedules import Constant, StepDecay, TimeDecay
from training.networks.architecture import Architecture
from training.recipe import HeadRecipe, Recipe
from training.recipes import RECIPE_MODULES, load_recipe, recipe_table
from training.transfer.head import Logistic, NearestNeighbours

NESTEROV = Sgd(momentum=0.9, nesterov=True)
LENET = (25 * 20 + 20) + (25 * 20 * 50 + 50) + (7 * 7 * 50 * 500 + 500)
CONVOLUTIONS = (27 * 32 + 32) + (288 * 32 + 32) + (288 * 64 + 64) + (576 * 64 + 64)
PLAIN = CONVOLUTIONS + (8 * 8 * 64 * 512 + 512) + (512 * 10 + 10)
NORMALISED = PLAIN + 4 * (32 + 32 + 64 + 64 + 512)
SHALLOW = 27 * 32 + 32
DIGITS, PICTURES = (784 * 256 + 256) + (256 * 128 + 128) + (128 * 10 + 10), (3072 * 1024 + 1024) + (1024 * 512 + 512)
# Name: data set, optimiser, schedule, batch, epochs, accuracy in the book; classes, and the weights of its network.
BOOK = {
    "mlp-mnist": ("mnist", Sgd(), Constant(0.01), 128, 100, "92 %", 10, DIGITS),
    "mlp-cifar10": ("cifar10", Sgd(), Constant(0.01), 32, 100, "57 %", 10, PICTURES + 512 * 10 + 10),
    "shallownet-animals": ("", Sgd(), Constant(0.005), 32, 100, "71 %", 3, SHALLOW + 32 * 32 * 32 * 3 + 3),
    "shallownet-cifar10": ("cifar10", Sgd(), Constant(0.01), 32, 40, "60 %", 10, SHALLOW + 32 * 32 * 32 * 10 + 10),
    "lenet-mnist": ("mnist", Sgd(), Constant(0.01), 128, 20, "98 %", 10, LENET + 500 * 10 + 10),
    "minivggnet-cifar10": ("cifar10", NESTEROV, TimeDecay(0.01, 0.01 / 40), 64, 40, "83 %", 10, NORMALISED),
    "minivggnet-cifar10-plain": ("cifar10", NESTEROV, TimeDecay(0.01, 0.01 / 40), 64, 40, "79 %", 10, PLAIN),
    "minivggnet-step": ("cifar10", NESTEROV, StepDecay(0.01, 0.25, 5), 64, 40, "79 %", 10, NORMALISED),
    "minivggnet-step-slow": ("cifar10", NESTEROV, StepDecay(0.01, 0.5, 5), 64, 40, "82 %", 10, NORMALISED),
    "captcha": ("", Sgd(), Constant(0.01), 32, 15, "100 %", 9, LENET + 500 * 9 + 9),
    "smiles-book": ("", Adam(), Constant(0.001), 64, 15, "93 %", 2, LENET + 500 * 2 + 2),
}


@pytest.mark.parametrize("name", BOOK)
def test_hyperparameters_and_networks_are_the_books(name: str) -> None:
    recipe = load_recipe(name)
    assert isinstance(recipe, Recipe)
    found = (recipe.dataset, recipe.optimizer, recipe.schedule, recipe.batch_size, recipe.epochs, recipe.reported)
    *expected, classes, parameters = BOOK[name]
    assert list(found) == expected
    shape = network_shape(build_preprocessing(recipe.preprocessing))
    assert recipe.network(Architecture(*shape, classes)).count_params() == parameters


def test_heads_see_raw_pixels_with_the_books_penalties() -> None:
    strength = 1 / (1e-4 * 2250)
    for name, head, reported in (
        ("knn", NearestNeighbours(k=1), "52 %"),
        ("linear", Logistic(None, strength), "50 %"),
        ("linear-l1", Logistic("l1", strength), "53 %"),
        ("linear-l2", Logistic("l2", strength), "55 %"),
    ):
        recipe = load_recipe(name)
        assert isinstance(recipe, HeadRecipe)
        assert (recipe.head, recipe.backbone, recipe.dataset, recipe.reported) == (head, None, "", reported)
        assert recipe.preprocessing == (Resize(32, 32, "antialias"), Scale(1 / 255))


def test_captchas_and_smiles_are_looked_for_in_pictures() -> None:
    found = {name: regions for name in RECIPE_MODULES if (regions := load_recipe(name).regions)}
    assert found == {"captcha": Glyphs(4), "smiles": Faces(), "smiles-book": Faces()}
    assert Fit(28, 28, "area", "replicate", 0) in load_recipe("captcha").preprocessing  # a glyph keeps its proportions
    book = load_recipe("smiles-book")
    assert isinstance(book, Recipe)
    assert (book.balanced_classes, book.test_share) == (True, 0.2)


def test_all_of_the_book_and_two_of_our_own() -> None:
    assert set(RECIPE_MODULES) - set(BOOK) == {"knn", "linear", "linear-l1", "linear-l2", "lenet", "smiles"}


@pytest.mark.parametrize("module", sorted(set(RECIPE_MODULES.values())))
def test_the_header_says_what_a_recipe_must_say(module: str) -> None:
    page = find_spec(module)
    assert page
    header = ast.get_docstring(ast.parse(Path(str(page.origin)).read_text(encoding="utf-8"))) or ""
    for field in ("Command:   eyespot train ", "Data:      ", "Source:    ", "Expected:  "):
        assert field in header


def test_the_list_shows_every_recipe() -> None:
    lines = recipe_table().splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(RECIPE_MODULES)


def test_an_unknown_recipe_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="'lenet'"):
        load_recipe("lenett")
