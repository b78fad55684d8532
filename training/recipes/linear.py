"""Softmax regression on raw pixels, with a penalty on its weights or none.

Command:   eyespot train linear --dataset animals/ (or linear-l1, linear-l2)
Data:      Animals, 3,000 pictures of cats, dogs and pandas: a folder with one folder for each
Source:    Starter Bundle, chapters 8 and 9
Expected:  50 %, 53 % with L1, 55 % with L2
Time here: 1.5 CPU minutes, from 3 epochs on 3,000 drawn pictures
           (the data set is not to be had here, so its accuracy is not verified)
"""

from functools import partial

import keras

from edge.steps import Resize, Scale
from training.networks.perceptrons import build_linear
from training.optimizers import Sgd
from training.recipe import Recipe
from training.schedules import Constant

# The weight of the penalty is that of scikit-learn's SGDClassifier, which the book uses; it halves the squares.
PENALTY = 1e-4


def make_recipe(name: str, summary: str, reported: str, penalty: keras.regularizers.Regularizer | None) -> Recipe:
    """Return one of the three, which differ in nothing but the penalty."""
    return Recipe(
        name=name,
        summary=summary,
        source="chapter 9",
        reported=reported,
        dataset="",
        preprocessing=(Resize(32, 32, "antialias"), Scale(1 / 255)),
        network=partial(build_linear, penalty=penalty),
        optimizer=Sgd(),
        schedule=Constant(0.01),
        epochs=10,
        batch_size=1,
    )


RECIPES = (
    make_recipe("linear", "softmax regression, no penalty", "50 %", None),
    make_recipe("linear-l1", "softmax regression, L1", "53 %", keras.regularizers.L1(PENALTY)),
    make_recipe("linear-l2", "softmax regression, L2", "55 %", keras.regularizers.L2(PENALTY / 2)),
)
