"""ShallowNet on CIFAR-10.

Command:   eyespot train shallownet-cifar10
Data:      CIFAR-10, 60,000 pictures in ten classes, through Keras
Source:    Starter Bundle, chapter 12
Expected:  60 %
Time here: 15 CPU minutes, from 3 epochs on 5,000 drawn pictures
           (the data set is not to be had here, so its accuracy is not verified)
"""

from edge.steps import Resize, Scale
from training.epochs.optimizers import Sgd
from training.epochs.schedules import Constant
from training.networks.shallownet import build_shallownet
from training.recipe import Recipe

RECIPES = (
    Recipe(
        name="shallownet-cifar10",
        summary="ShallowNet, 32x32",
        source="chapter 12",
        reported="60 %",
        dataset="cifar10",
        preprocessing=(Resize(32, 32, "antialias"), Scale(1 / 255)),
        network=build_shallownet,
        optimizer=Sgd(),
        schedule=Constant(0.01),
        epochs=40,
        batch_size=32,
    ),
)
