"""LeNet on MNIST, as in the book.

Command:   eyespot train lenet-mnist
Data:      MNIST, 70,000 handwritten digits, through Keras
Source:    Starter Bundle, chapter 14
Expected:  98 %
Time here: 14 CPU minutes, from 20 epochs on 7,500 digits of MNIST, which took 2 and reached 93.4 % of 2,500 others
           (tests/benchmarks/digits28.py); its accuracy on the whole is not verified
"""

from edge.steps import Grey, Resize, Scale
from training.epochs.optimizers import Sgd
from training.epochs.schedules import Constant
from training.networks.lenet import build_lenet
from training.recipe import Recipe

RECIPES = (
    Recipe(
        name="lenet-mnist",
        summary="LeNet, 28x28 grey",
        source="chapter 14",
        reported="98 %",
        dataset="mnist",
        preprocessing=(Resize(28, 28, "antialias"), Grey(), Scale(1 / 255)),
        network=build_lenet,
        optimizer=Sgd(),
        schedule=Constant(0.01),
        epochs=20,
        batch_size=128,
    ),
)
