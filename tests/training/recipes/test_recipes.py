"""The recipes hold the hyperparameters of the book: this table is typed from it, not from the code."""

from dataclasses import replace
from types import ModuleType

import pytest

from edge.errors import UsageError
from edge.spec import Faces, Glyphs
from edge.steps import CentreCrop, Fit, Grey, Resize, ResizeSide, Scale
from export.preprocess import build_preprocessing, network_shape
from training.backbones import BACKBONES
from training.networks.architecture import Architecture
from training.recipe import HeadRecipe, Optimizer, Recipe, with_image_size
from training.recipes import PAGES, RECIPES, recipe_table
from training.transfer.head import Logistic, NearestNeighbours

SGD, FASTER = Optimizer(name="SGD", rate=0.01), Optimizer(name="SGD", rate=0.01, momentum=0.9)
# Name: data set, optimiser, batch, epochs in the book.
BOOK = {
    "mlp-mnist": ("mnist", SGD, 128, 100),
    "mlp-cifar10": ("cifar10", SGD, 32, 100),
    "shallownet-animals": ("", replace(SGD, rate=0.005), 32, 100),
    "shallownet-cifar10": ("cifar10", SGD, 32, 40),
    "lenet-mnist": ("mnist", SGD, 128, 20),
    "minivggnet-cifar10": ("cifar10", replace(FASTER, schedule="time-decay"), 64, 40),
    "minivggnet-cifar10-plain": ("cifar10", replace(FASTER, schedule="time-decay"), 64, 40),
    "minivggnet-step": ("cifar10", replace(FASTER, schedule="step-decay", factor=0.25), 64, 40),
    "minivggnet-step-slow": ("cifar10", replace(FASTER, schedule="step-decay", factor=0.5), 64, 40),
    "captcha": ("", SGD, 32, 15),
    "smiles-book": ("", Optimizer(rate=0.001), 64, 15),
}


@pytest.mark.parametrize("name", BOOK)
def test_hyperparameters_are_the_books(name: str) -> None:
    recipe = RECIPES[name]
    assert isinstance(recipe, Recipe)
    found = (recipe.dataset, recipe.optimizer, recipe.batch_size, recipe.epochs)
    assert found == BOOK[name]


# Name: classes in the book, and the weights and biases of its network for pictures of the book's size.
LENET = (25 * 20 + 20) + (25 * 20 * 50 + 50) + (7 * 7 * 50 * 500 + 500)
CONVOLUTIONS = (27 * 32 + 32) + (288 * 32 + 32) + (288 * 64 + 64) + (576 * 64 + 64)
MINIVGGNET = CONVOLUTIONS + (8 * 8 * 64 * 512 + 512) + (512 * 10 + 10)
NORMALISATION = 4 * (32 + 32 + 64 + 64 + 512)
NETWORKS = {
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
    "smiles-book": (2, LENET + 500 * 2 + 2),
}


@pytest.mark.parametrize("name", BOOK)
def test_the_network_and_the_size_of_its_pictures_are_the_books(name: str) -> None:
    recipe = RECIPES[name]
    assert isinstance(recipe, Recipe)
    classes, parameters = NETWORKS[name]
    shape = network_shape(build_preprocessing(recipe.preprocessing))
    assert recipe.network(Architecture(*shape, classes)).count_params() == parameters


# The book's penalty is 1e-4 of the mean loss of 2,250 pictures.
HEADS = {
    "linear": Logistic(None, 1 / 0.225),
    "linear-l1": Logistic("l1", 1 / 0.225),
    "linear-l2": Logistic("l2", 1 / 0.225),
    "knn": NearestNeighbours(k=1),
}


@pytest.mark.parametrize("name", HEADS)
def test_heads_on_raw_pixels_are_the_books(name: str) -> None:
    recipe = RECIPES[name]
    assert isinstance(recipe, HeadRecipe)
    if isinstance(recipe.head, Logistic):
        assert recipe.head.strength == pytest.approx(1 / 0.225)
        recipe = replace(recipe, head=replace(recipe.head, strength=1 / 0.225))
    assert (recipe.head, recipe.dataset, recipe.backbone) == (HEADS[name], "", None)
    assert recipe.preprocessing == (Resize(32, 32, "antialias"), Scale(1 / 255))


def test_what_else_the_recipes_of_captchas_and_smiles_have() -> None:
    assert set(RECIPES) - set(BOOK) - set(HEADS) == {"lenet", "smiles"}
    regions = {name: recipe.regions for name, recipe in RECIPES.items() if recipe.regions}
    assert regions == {"captcha": Glyphs(4), "smiles": Faces(), "smiles-book": Faces()}
    assert Fit(28, 28, "area", "replicate", 0) in RECIPES["captcha"].preprocessing
    book, own = RECIPES["smiles-book"], RECIPES["smiles"]
    assert isinstance(book, Recipe)
    assert isinstance(own, Recipe)
    assert (book.balanced_classes, book.test_share, own.test_share) == (True, 0.2, 0.2)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_fits_its_own_network_at_any_size(name: str) -> None:
    for recipe in (RECIPES[name], with_image_size(RECIPES[name], 20)):
        assert recipe.name == name
        (resize,) = [step for step in recipe.preprocessing if isinstance(step, Resize | Fit)]
        channels = 1 if Grey() in recipe.preprocessing else 3
        assert network_shape(build_preprocessing(recipe.preprocessing)) == (resize.height, resize.width, channels)
        if isinstance(recipe, Recipe):
            network = recipe.network(Architecture(resize.height, resize.width, channels, 4))
            assert network.output_shape == (None, 4)
    assert resize.height == resize.width == 20


def test_a_size_is_that_of_the_crop() -> None:
    lite = BACKBONES["efficientnet-lite0"]
    recipe = replace(RECIPES["knn"], preprocessing=(*lite.geometry(224), *lite.values))
    assert with_image_size(recipe, 112).preprocessing[:2] == (
        ResizeSide("shorter", 128, "antialias"),
        CentreCrop(112, 112),
    )
    with pytest.raises(UsageError):
        with_image_size(replace(recipe, preprocessing=lite.values), 112)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.__name__)
def test_the_header_says_what_a_recipe_must_say(page: ModuleType) -> None:
    for field in ("Command:   eyespot train ", "Data:      ", "Source:    ", "Expected:  "):
        assert field in (page.__doc__ or "")


def test_the_list_shows_every_recipe() -> None:
    lines = recipe_table().splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(RECIPES)
