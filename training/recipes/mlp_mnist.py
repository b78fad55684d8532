"""A multilayer perceptron, 784-256-128-10 with sigmoid units, on MNIST.

Command:   eyespot train mlp-mnist
Data:      MNIST, 70,000 handwritten digits, through Keras
Source:    Starter Bundle, chapter 10
Expected:  92 %
Time here: 10 CPU minutes, from 3 epochs on 7,500 digits of MNIST; all 100 of them reached 83.3 % of 2,500 others
           (tests/benchmarks/digits28.py says where those are from)
"""

from edge.steps import Grey, Resize, Scale
from training.epochs.optimizers import Sgd
from training.epochs.schedules import Constant
from training.networks.perceptrons import build_mlp_mnist
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
)
