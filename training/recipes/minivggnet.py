"""MiniVGGNet on CIFAR-10: with and without batch normalisation, and with a rate that drops every five epochs.

Command:   eyespot train minivggnet-cifar10 (or minivggnet-cifar10-plain, minivggnet-step, minivggnet-step-slow)
Data:      CIFAR-10, 60,000 pictures in ten classes, through Keras
Source:    Starter Bundle, chapters 15 and 16
Expected:  83 % with, 79 % without normalisation; 79 % with a rate that drops by a factor of .25, 82 % with .5
Time here: 2 CPU hours with and 1.5 without normalisation, from 3 epochs on 5,000 drawn pictures
"""

from functools import partial

from edge.steps import Resize, Scale
from training.networks.book import build_minivggnet
from training.recipe import Optimizer, Recipe

minivggnet = partial(
    Recipe,
    dataset="cifar10",
    preprocessing=(Resize(32, 32, "antialias"), Scale(1 / 255)),
    network=build_minivggnet,
    epochs=40,
    batch_size=64,
)
sgd = partial(Optimizer, name="SGD", rate=0.01, momentum=0.9)
decayed = partial(minivggnet, optimizer=sgd(schedule="time-decay"))
plain = partial(build_minivggnet, normalised=False)
quarter, half = (sgd(schedule="step-decay", factor=factor) for factor in (0.25, 0.5))
RECIPES = (
    decayed(name="minivggnet-cifar10", summary="MiniVGGNet, normalised"),
    decayed(name="minivggnet-cifar10-plain", summary="MiniVGGNet, not normalised", network=plain),
    minivggnet(name="minivggnet-step", summary="MiniVGGNet, rate x 0.25 in steps", optimizer=quarter),
    minivggnet(name="minivggnet-step-slow", summary="MiniVGGNet, rate x 0.5 in steps", optimizer=half),
)
