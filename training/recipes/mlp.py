"""Multilayer perceptrons: 784-256-128-10 with sigmoid units on MNIST, 3072-1024-512-10 with ReLU units on CIFAR-10.

Command:   eyespot train mlp-mnist (or mlp-cifar10)
Data:      MNIST, 70,000 handwritten digits, and CIFAR-10, 60,000 pictures in ten classes, through Keras
Source:    Starter Bundle, chapter 10
Expected:  92 % of MNIST, 57 % of CIFAR-10, overfitted
Measured:  mlp-mnist 83.3 % of 2,500 digits of MNIST from 7,500 to train on (tests/benchmarks/digits28.py)
Time here: 10 CPU minutes and 1 CPU hour, from 3 epochs on a part of the data
"""

from functools import partial

from edge.steps import Grey, Resize, Scale
from training.networks.book import build_mlp_cifar10, build_mlp_mnist
from training.recipe import Optimizer, Recipe

mlp = partial(Recipe, optimizer=Optimizer(name="SGD", rate=0.01), epochs=100)
RECIPES = (
    mlp(
        name="mlp-mnist",
        summary="perceptron 784-256-128-10",
        dataset="mnist",
        preprocessing=(Resize(28, 28, "antialias"), Grey(), Scale(1 / 255)),
        network=build_mlp_mnist,
        batch_size=128,
    ),
    mlp(
        name="mlp-cifar10",
        summary="perceptron 3072-1024-512-10",
        dataset="cifar10",
        preprocessing=(Resize(32, 32, "antialias"), Scale(1 / 255)),
        network=build_mlp_cifar10,
    ),
)
