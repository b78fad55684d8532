"""k nearest neighbours on raw pixels.

Command:   eyespot train knn --dataset animals/
Data:      Animals, 3,000 pictures of cats, dogs and pandas: a folder with one folder for each
Source:    Starter Bundle, chapter 7
Expected:  52 % of the held-out animals with one neighbour
Time here: not measured: the data set is not to be had here
"""

from functools import partial

from edge.steps import Resize, Scale
from training.networks.knn import build_knn
from training.recipe import Recipe

NEIGHBOURS = 1

RECIPES = (
    Recipe(
        name="knn",
        summary="k nearest neighbours, 32x32 raw pixels",
        source="chapter 7",
        reported="52 %",
        dataset="",
        preprocessing=(Resize(32, 32, "antialias"), Scale(1 / 255)),
        memory=partial(build_knn, k=NEIGHBOURS),
    ),
)
