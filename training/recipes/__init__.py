"""The recipes by name: one page for each kind of network, with their command, data, source and accuracy."""

import importlib.util
import sys
from pathlib import Path

from edge.errors import UsageError, reason_of
from training.recipe import AnyRecipe, HeadRecipe, Recipe
from training.recipes import lenet, starter

PAGES = (starter, lenet)
RECIPES: dict[str, AnyRecipe] = {recipe.name: recipe for page in PAGES for recipe in page.RECIPES}


def load_recipe_file(path: Path) -> AnyRecipe:
    """Return the recipe that the Python file at `path` defines as `RECIPE`; the file is executed.

    Raises UsageError if it fails or defines none.
    """
    specification = importlib.util.spec_from_file_location(path.stem, path)
    if specification is None or specification.loader is None or not path.is_file():
        raise UsageError(f"{path}: there is no such Python file")
    module = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = module
    try:
        specification.loader.exec_module(module)
    except Exception as error:  # a recipe is a program, which may raise anything
        raise UsageError(f"{path}: the recipe fails with {type(error).__name__}: {reason_of(error)}") from error
    recipe = getattr(module, "RECIPE", None)
    if not isinstance(recipe, Recipe | HeadRecipe):
        raise UsageError(f"{path}: it must define RECIPE, a training.recipe.Recipe. Received: {recipe!r:.60}")
    return recipe


def recipe_table() -> str:
    """Return all recipes as an aligned table."""
    rows = [("recipe", "what", "data", "optimizer", "rate", "batch", "epochs")]
    for recipe in RECIPES.values():
        how = ("-",) * 4
        if isinstance(recipe, Recipe):
            optimizer = recipe.optimizer
            rate = f"{optimizer.rate:g} {optimizer.schedule}"
            how = (optimizer.name, rate, str(recipe.batch_size), str(recipe.epochs))
        data = recipe.dataset or "--dataset"
        rows.append((recipe.name, recipe.summary, data, *how))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
