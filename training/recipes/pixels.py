"""Heads on raw pixels: k nearest neighbours, and softmax regression with a penalty on its weights or none.

Command:   eyespot train knn --dataset animals/ [--k 1] (or linear, linear-l1, linear-l2)
Data:      Animals, 3,000 pictures of cats, dogs and pandas: a folder with one folder for each
Source:    Starter Bundle, chapters 7 to 9
Expected:  knn 52 %, linear 50 %, 53 % with L1, 55 % with L2
"""

from functools import partial

from edge.steps import Resize, Scale
from training.recipe import HeadRecipe
from training.transfer.head import Logistic, NearestNeighbours

# The book weighs the penalty by 1e-4 against the mean loss of its 2,250 training pictures; scikit-learn's C weighs the
# sum of the losses against the penalty.
STRENGTH = 1 / (1e-4 * 2250)

pixels = partial(HeadRecipe, preprocessing=(Resize(32, 32, "antialias"), Scale(1 / 255)))
RECIPES = (
    pixels(name="knn", summary="k nearest neighbours, 32x32 raw pixels", head=NearestNeighbours(k=1)),
    pixels(name="linear", summary="softmax regression", head=Logistic(None, STRENGTH)),
    pixels(name="linear-l1", summary="softmax regression, L1", head=Logistic("l1", STRENGTH)),
    pixels(name="linear-l2", summary="softmax regression, L2", head=Logistic("l2", STRENGTH)),
)
