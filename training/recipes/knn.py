"""k nearest neighbours on raw pixels.

Command:   eyespot train knn --dataset animals/ [--k 1]
Data:      Animals, 3,000 pictures of cats, dogs and pandas: a folder with one folder for each
Source:    Starter Bundle, chapter 7
Expected:  52 % of the test animals with one neighbour
Time here: seconds for 3,000 drawn pictures, most of them to prepare those; nothing is trained
           (the data set is not to be had here, so its accuracy is not verified)
"""

from edge.steps import Resize, Scale
from training.recipe import HeadRecipe
from training.transfer.head import NearestNeighbours

RECIPES = (
    HeadRecipe(
        name="knn",
        summary="k nearest neighbours, 32x32 raw pixels",
        source="chapter 7",
        reported="52 %",
        dataset="",
        preprocessing=(Resize(32, 32, "antialias"), Scale(1 / 255)),
        head=NearestNeighbours(k=1),
    ),
)
