"""MiniVGGNet on CIFAR-10 with a learning rate that drops every five epochs.

Command:   eyespot train minivggnet-step (or minivggnet-step-slow)
Data:      CIFAR-10, 60,000 pictures in ten classes, through Keras
Source:    Starter Bundle, chapter 16
Expected:  79 % with a factor of .25, 82 % with .5
Time here: 2 CPU hours, from 3 epochs of minivggnet-cifar10 on 5,000 drawn pictures
           (the data set is not to be had here, so its accuracy is not verified)
"""

from edge.steps import Resize, Scale
from training.epochs.optimizers import Sgd
from training.epochs.schedules import StepDecay
from training.networks.minivggnet import build_minivggnet
from training.recipe import Recipe


def make_recipe(name: str, factor: float, reported: str) -> Recipe:
    """Return one of the two, which differ in nothing but the factor."""
    return Recipe(
        name=name,
        summary=f"MiniVGGNet, rate times {factor} every 5 epochs",
        source="chapter 16",
        reported=reported,
        dataset="cifar10",
        preprocessing=(Resize(32, 32, "antialias"), Scale(1 / 255)),
        network=build_minivggnet,
        optimizer=Sgd(momentum=0.9, nesterov=True),
        schedule=StepDecay(0.01, factor=factor, every_epochs=5),
        epochs=40,
        batch_size=64,
    )


RECIPES = (
    make_recipe("minivggnet-step", 0.25, "79 %"),
    make_recipe("minivggnet-step-slow", 0.5, "82 %"),
)
