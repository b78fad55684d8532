"""The table of recipes, and what the LeNet recipe promises."""

import math

import pytest

from edge.errors import UsageError
from edge.steps import Grey, Resize, Scale
from export.preprocessing import build_preprocessing, network_shape
from export.quiet_tensorflow import start_tensorflow
from training.recipes import MODULES, load_recipe

start_tensorflow()


@pytest.mark.parametrize("name", MODULES)
def test_every_recipe_is_called_what_the_table_says_and_fits_itself(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    shape = network_shape(build_preprocessing(recipe.preprocessing))
    network = recipe.network(shape, 7)
    assert network.input_shape == (None, *shape)
    assert network.output_shape == (None, 7)


def test_lenet_is_the_experiment_of_the_book() -> None:
    recipe = load_recipe("lenet")
    assert recipe.preprocessing == (Resize(28, 28, "antialias"), Grey(), Scale(1 / 255))
    assert (recipe.dataset, recipe.epochs, recipe.batch_size) == ("digits", 20, 32)


@pytest.mark.parametrize("step", [0, 1, 215, 430, 859, 860])
def test_learning_rate_of_lenet_falls_along_a_cosine(step: int) -> None:
    optimizer = load_recipe("lenet").optimizer(860)
    assert type(optimizer).__name__ == "Adam"
    optimizer.iterations.assign(step)
    expected = 1e-3 * (1 + math.cos(math.pi * step / 860)) / 2  # Loshchilov and Hutter, SGDR, 2017, equation 5
    # Float32 has 24 bits.
    assert float(optimizer.learning_rate) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "said"), [("lennet", "did you mean 'lenet'"), ("LeNet", "did you mean 'lenet'"), ("xyz", "Known: lenet")]
)
def test_an_unknown_recipe_says_what_there_is(name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        load_recipe(name)
    assert repr(name) in str(caught.value)
