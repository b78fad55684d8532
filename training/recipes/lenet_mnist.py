"""LeNet on MNIST, as in the book.

Command:   eyespot train lenet-mnist
Data:      MNIST, 70,000 handwritten digits, through Keras
Source:    Starter Bundle, chapter 14
Expected:  98 %
Time here: a minute and a half on 7,500 of the 60,000, which reach 93.4 % of 2,500 others (tests/benchmarks/digits28.py)
"""

from edge.steps import Grey, Resize, Scale
from training.networks.lenet import build_lenet
from training.optimizers import Sgd
from training.recipe import Recipe
from training.schedules import Constant

RECIPES = (
    Recipe(
        name="lenet-mnist",
        summary="LeNet, 28x28 grey",
        source="chapter 14",
        reported="98 %",
        dataset="mnist",
        preprocessing=(Resize(28, 28, "area"), Grey(), Scale(1 / 255)),
        network=build_lenet,
        optimizer=Sgd(),
        schedule=Constant(0.01),
        epochs=20,
        batch_size=128,
    ),
)
