"""A multilayer perceptron, 3072-1024-512-10 with ReLU units, on CIFAR-10.

Command:   eyespot train mlp-cifar10
Data:      CIFAR-10, 60,000 pictures in ten classes, through Keras
Source:    Starter Bundle, chapter 10
Expected:  57 %, overfitted
Time here: 1 CPU hour, from 3 epochs on 5,000 drawn pictures
           (the data set is not to be had here, so its accuracy is not verified)
"""

from edge.steps import Resize, Scale
from training.epochs.optimizers import Sgd
from training.epochs.schedules import Constant
from training.networks.perceptrons import build_mlp_cifar10
from training.recipe import Recipe

RECIPES = (
    Recipe(
        name="mlp-cifar10",
        summary="perceptron 3072-1024-512-10",
        source="chapter 10",
        reported="57 %",
        dataset="cifar10",
        preprocessing=(Resize(32, 32, "antialias"), Scale(1 / 255)),
        network=build_mlp_cifar10,
        optimizer=Sgd(),
        schedule=Constant(0.01),
        epochs=100,
        batch_size=32,
    ),
)
