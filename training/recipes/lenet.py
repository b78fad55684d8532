"""LeNet on handwritten digits: with today's practice (Adam, a cosine schedule, light augmentation), and as in the book.

Command:   eyespot train lenet --dataset digits --output runs/lenet-digits (or lenet-mnist)
Data:      digits (1,797 real images shipped with scikit-learn), or any folder of classes; lenet-mnist: MNIST, 70,000
           handwritten digits, through Keras
Source:    Starter Bundle, chapter 14; lenet: our own, on its network
Expected:  lenet: 99.8 % of the test digits (ten seeds: 99.3 to 100 %, median 99.6 %); 98.9 % of 2,500 test digits of
           MNIST with 7,500 to train on, 99.0 % with --epochs 30 (tests/benchmarks/digits28.py). lenet-mnist: 98 %
Time here: lenet: 40 seconds on two cores; 3 CPU minutes for the 7,500, 5 for 30 epochs. lenet-mnist: 14 CPU minutes,
           from 20 epochs on the 7,500, which took 2 and reached 93.4 %; its accuracy on the whole is not verified
"""

from edge.steps import Grey, Resize, Scale
from training.epochs.augmentation import Augmentation
from training.epochs.optimizers import Adam, Sgd
from training.epochs.schedules import Constant, Cosine
from training.networks.book import build_lenet
from training.recipe import Recipe

RECIPES = (
    Recipe(
        name="lenet",
        summary="LeNet, 28x28 grey, augmented",
        source="own",
        reported="-",
        dataset="digits",
        preprocessing=(Resize(28, 28, "antialias"), Grey(), Scale(1 / 255)),
        network=build_lenet,
        optimizer=Adam(),
        schedule=Cosine(1e-3),
        epochs=20,
        batch_size=32,
        # Small turns, shifts and changes of size, as another hand would have written the same digit.
        augmentation=Augmentation(rotation_degrees=10, shift=0.08, zoom=0.1),
    ),
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
