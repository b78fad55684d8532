"""MiniVGGNet on CIFAR-10, with and without batch normalisation.

Command:   eyespot train minivggnet-cifar10 (or minivggnet-cifar10-plain)
Data:      CIFAR-10, 60,000 pictures in ten classes, through Keras
Source:    Starter Bundle, chapter 15
Expected:  83 % with, 79 % without normalisation
Time here: 2 CPU hours with and 1.5 without normalisation, from 3 epochs on 5,000 drawn pictures
           (the data set is not to be had here, so its accuracy is not verified)
"""

from functools import partial

from edge.steps import Resize, Scale
from training.epochs.optimizers import Sgd
from training.epochs.schedules import TimeDecay
from training.networks.minivggnet import build_minivggnet
from training.recipe import Recipe

RATE = 0.01
EPOCHS = 40


def make_recipe(name: str, summary: str, reported: str, normalised: bool) -> Recipe:
    """Return one of the two, which differ in nothing but the normalisation."""
    return Recipe(
        name=name,
        summary=summary,
        source="chapter 15",
        reported=reported,
        dataset="cifar10",
        preprocessing=(Resize(32, 32, "antialias"), Scale(1 / 255)),
        network=partial(build_minivggnet, normalised=normalised),
        optimizer=Sgd(momentum=0.9, nesterov=True),
        schedule=TimeDecay(RATE, decay=RATE / EPOCHS),
        epochs=EPOCHS,
        batch_size=64,
    )


RECIPES = (
    make_recipe("minivggnet-cifar10", "MiniVGGNet, batch normalisation", "83 %", True),
    make_recipe("minivggnet-cifar10-plain", "MiniVGGNet, no normalisation", "79 %", False),
)
