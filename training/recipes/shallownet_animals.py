"""ShallowNet on animals.

Command:   eyespot train shallownet-animals --dataset animals/
Data:      Animals, 3,000 pictures of cats, dogs and pandas: a folder with one folder for each
Source:    Starter Bundle, chapter 12
Expected:  71 %
Time here: 2 CPU minutes, from 3 epochs on drawn pictures
           (the data set is not to be had here, so its accuracy is not verified)
"""

from edge.steps import Resize, Scale
from training.epochs.optimizers import Sgd
from training.epochs.schedules import Constant
from training.networks.shallownet import build_shallownet
from training.recipe import Recipe

RECIPES = (
    Recipe(
        name="shallownet-animals",
        summary="ShallowNet, 32x32",
        source="chapter 12",
        reported="71 %",
        dataset="",
        preprocessing=(Resize(32, 32, "antialias"), Scale(1 / 255)),
        network=build_shallownet,
        optimizer=Sgd(),
        schedule=Constant(0.005),
        epochs=100,
        batch_size=32,
    ),
)
