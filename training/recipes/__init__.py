"""The recipes by name: one page for each experiment, with its command, data, source and accuracy."""

from edge.cli import unknown_name
from edge.errors import UsageError
from training.recipe import AnyRecipe, Recipe
from training.recipes import captcha, knn, lenet, linear, minivggnet, mlp, shallownet, smiles

PAGES = (knn, linear, mlp, shallownet, lenet, minivggnet, captcha, smiles)
# Where a page holds several, they are variants of one experiment.
RECIPE_MODULES: dict[str, str] = {recipe.name: page.__name__ for page in PAGES for recipe in page.RECIPES}


def load_recipe(name: str) -> AnyRecipe:
    """Return the recipe that is called `name`. Raises UsageError, with the nearest name, if there is none."""
    recipes: dict[str, AnyRecipe] = {recipe.name: recipe for page in PAGES for recipe in page.RECIPES}
    if name not in recipes:
        raise UsageError(unknown_name("recipe", name, list(recipes)))
    return recipes[name]


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
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
