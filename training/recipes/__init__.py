"""The recipes by name: one page each, with its command, data, source and accuracy."""

from importlib import import_module

from edge.cli import unknown_name
from edge.errors import UsageError
from training.recipe import AnyRecipe, Recipe

# Where a module holds several, they are variants of one experiment.
RECIPE_MODULES = {
    "knn": "training.recipes.knn",
    "linear": "training.recipes.linear",
    "linear-l1": "training.recipes.linear",
    "linear-l2": "training.recipes.linear",
    "mlp-mnist": "training.recipes.mlp_mnist",
    "mlp-cifar10": "training.recipes.mlp_cifar10",
    "shallownet-animals": "training.recipes.shallownet_animals",
    "shallownet-cifar10": "training.recipes.shallownet_cifar10",
    "lenet": "training.recipes.lenet",
    "lenet-mnist": "training.recipes.lenet_mnist",
    "minivggnet-cifar10": "training.recipes.minivggnet_cifar10",
    "minivggnet-cifar10-plain": "training.recipes.minivggnet_cifar10",
    "minivggnet-step": "training.recipes.minivggnet_step",
    "minivggnet-step-slow": "training.recipes.minivggnet_step",
    "captcha": "training.recipes.captcha",
    "smiles": "training.recipes.smiles",
    "smiles-book": "training.recipes.smiles",
}


def load_recipe(name: str) -> AnyRecipe:
    """Return the recipe that is called `name`. Raises UsageError, with the nearest name, if there is none."""
    if name not in RECIPE_MODULES:
        raise UsageError(unknown_name("recipe", name, list(RECIPE_MODULES)))
    recipes: tuple[AnyRecipe, ...] = import_module(RECIPE_MODULES[name]).RECIPES
    return next(recipe for recipe in recipes if recipe.name == name)


def recipe_table() -> str:
    """Return all recipes as an aligned table."""
    rows = [("recipe", "what", "data", "optimiser", "rate", "batch", "epochs", "reported", "source")]
    for recipe in map(load_recipe, RECIPE_MODULES):
        how = ("-",) * 4
        if isinstance(recipe, Recipe):
            rate = f"{recipe.schedule.rate:g} {recipe.schedule.kind}"
            how = (recipe.optimizer.kind, rate, str(recipe.batch_size), str(recipe.epochs))
        data = recipe.dataset or "--dataset"
        rows.append((recipe.name, recipe.summary, data, *how, recipe.reported, recipe.source))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
