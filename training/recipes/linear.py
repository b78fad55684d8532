"""Softmax regression on raw pixels, with a penalty on its weights or none.

Command:   eyespot train linear --dataset animals/ (or linear-l1, linear-l2)
Data:      Animals, 3,000 pictures of cats, dogs and pandas: a folder with one folder for each
Source:    Starter Bundle, chapters 8 and 9
Expected:  50 %, 53 % with L1, 55 % with L2
"""

from typing import Literal

from edge.steps import Resize, Scale
from training.recipe import HeadRecipe
from training.transfer.head import Logistic

# The book's SGDClassifier weighs the penalty by 1e-4 against the mean loss of its 2,250 training pictures; here
# it is solved for, by scikit-learn, whose C weighs the sum of the losses against the penalty.
STRENGTH = 1 / (1e-4 * 2250)


def make_recipe(name: str, summary: str, reported: str, penalty: Literal["l1", "l2"] | None) -> HeadRecipe:
    """Return one of the three, which differ in nothing but the penalty."""
    return HeadRecipe(
        name=name,
        summary=summary,
        source="chapter 9",
        reported=reported,
        dataset="",
        preprocessing=(Resize(32, 32, "antialias"), Scale(1 / 255)),
        head=Logistic(penalty, STRENGTH),
    )


RECIPES = (
    make_recipe("linear", "softmax regression", "50 %", None),
    make_recipe("linear-l1", "softmax regression, L1", "53 %", "l1"),
    make_recipe("linear-l2", "softmax regression, L2", "55 %", "l2"),
)
