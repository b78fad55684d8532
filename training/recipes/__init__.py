"""The recipes by name. A recipe is one file; this table is the only other place that knows of it."""

from importlib import import_module

from edge.cli import unknown_name
from edge.errors import UsageError
from training.recipe import Recipe

MODULES = {"lenet": "training.recipes.lenet"}


def load_recipe(name: str) -> Recipe:
    """Return the recipe that is called `name`. Raises UsageError, with the nearest name, if there is none."""
    if name not in MODULES:
        raise UsageError(unknown_name("recipe", name, list(MODULES)))
    recipe: Recipe = import_module(MODULES[name]).RECIPE
    return recipe
