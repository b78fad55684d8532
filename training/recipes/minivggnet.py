"""MiniVGGNet on CIFAR-10: with and without batch normalisation, and with a rate that drops every five epochs.

Command:   eyespot train minivggnet-cifar10 (or minivggnet-cifar10-plain, minivggnet-step, minivggnet-step-slow)
Data:      CIFAR-10, 60,000 pictures in ten classes, through Keras
Source:    Starter Bundle, chapters 15 and 16
Expected:  83 % with, 79 % without normalisation; 79 % with a rate that drops by a factor of .25, 82 % with .5
Time here: 2 CPU hours with and 1.5 without normalisation, from 3 epochs on 5,000 drawn pictures
           (the data set is not to be had here, so its accuracy is not verified)
"""

from functools import partial

from edge.steps import Resize, Scale
from training.epochs.optimizers import Sgd
from training.epochs.schedules import StepDecay, TimeDecay
from training.networks.book import build_minivggnet
from training.recipe import Recipe

minivggnet = partial(
    Recipe,
    dataset="cifar10",
    preprocessing=(Resize(32, 32, "antialias"), Scale(1 / 255)),
    network=build_minivggnet,
    optimizer=Sgd(momentum=0.9, nesterov=True),
    epochs=40,
    batch_size=64,
)
normalised = partial(minivggnet, source="chapter 15", schedule=TimeDecay(0.01, decay=0.01 / 40))
stepped = partial(minivggnet, source="chapter 16")
RECIPES = (
    normalised(name="minivggnet-cifar10", summary="MiniVGGNet, batch normalisation", reported="83 %"),
    normalised(
        name="minivggnet-cifar10-plain",
        summary="MiniVGGNet, no normalisation",
        reported="79 %",
        network=partial(build_minivggnet, normalised=False),
    ),
    stepped(
        name="minivggnet-step",
        summary="MiniVGGNet, rate times 0.25 every 5 epochs",
        reported="79 %",
        schedule=StepDecay(0.01, factor=0.25, every_epochs=5),
    ),
    stepped(
        name="minivggnet-step-slow",
        summary="MiniVGGNet, rate times 0.5 every 5 epochs",
        reported="82 %",
        schedule=StepDecay(0.01, factor=0.5, every_epochs=5),
    ),
)
