"""LeNet on handwritten digits: with today's practice (Adam, a cosine schedule, light augmentation), and as in the book.

Command:   eyespot train lenet --dataset digits --output runs/lenet-digits (or lenet-mnist)
Data:      digits (1,797 real images shipped with scikit-learn), or any folder of classes; lenet-mnist: MNIST, 70,000
           handwritten digits, through Keras
Source:    Starter Bundle, chapter 14; lenet: our own, on its network
Expected:  lenet: 99.8 % of the test digits (ten seeds: 99.3 to 100 %, median 99.6 %); 98.9 % of 2,500 test digits of
           MNIST with 7,500 to train on, 99.0 % with --epochs 30 (tests/benchmarks/digits28.py). lenet-mnist: 98 %
Measured:  lenet-mnist 93.4 % of the same 2,500
Time here: lenet: 40 seconds on two cores. lenet-mnist: 14 CPU minutes, from 20 epochs on the 7,500, which took 2
"""

from functools import partial

from edge.steps import Grey, Resize, Scale
from training.epochs.augmentation import AUGMENTATIONS
from training.networks.book import build_lenet
from training.recipe import Optimizer, Recipe

preprocessing = (Resize(28, 28, "antialias"), Grey(), Scale(1 / 255))
lenet = partial(Recipe, preprocessing=preprocessing, network=build_lenet, epochs=20)
RECIPES = (
    lenet(
        name="lenet",
        summary="LeNet, 28x28 grey, augmented",
        dataset="digits",
        optimizer=Optimizer(schedule="cosine"),
        augmentation=AUGMENTATIONS["light"],  # as another hand would have written the same digit
    ),
    lenet(
        name="lenet-mnist",
        summary="LeNet, 28x28 grey",
        dataset="mnist",
        optimizer=Optimizer(name="SGD", rate=0.01),
        batch_size=128,
    ),
)
