"""Multilayer perceptrons: 784-256-128-10 with sigmoid units on MNIST, 3072-1024-512-10 with ReLU units on CIFAR-10.

Command:   eyespot train mlp-mnist (or mlp-cifar10)
Data:      MNIST, 70,000 handwritten digits, and CIFAR-10, 60,000 pictures in ten classes, through Keras
Source:    Starter Bundle, chapter 10
Expected:  92 % of MNIST, 57 % of CIFAR-10, overfitted
Time here: mlp-mnist 10 CPU minutes, from 3 epochs on 7,500 digits of MNIST; all 100 of them reached 83.3 % of 2,500
           others (tests/benchmarks/digits28.py says where those are from). mlp-cifar10 1 CPU hour, from 3 epochs on
           5,000 drawn pictures (the data set is not to be had here, so its accuracy is not verified)
"""

from edge.steps import Grey, Resize, Scale
from training.epochs.optimizers import Sgd
from training.epochs.schedules import Constant
from training.networks.book import build_mlp_cifar10, build_mlp_mnist
from training.recipe import Recipe

RECIPES = (
    Recipe(
        name="mlp-mnist",
        summary="perceptron 784-256-128-10",
        source="chapter 10",
        reported="92 %",
        dataset="mnist",
        preprocessing=(Resize(28, 28, "antialias"), Grey(), Scale(1 / 255)),
        network=build_mlp_mnist,
        optimizer=Sgd(),
        schedule=Constant(0.01),
        epochs=100,
        batch_size=128,
    ),
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
