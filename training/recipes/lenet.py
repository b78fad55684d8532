"""LeNet on handwritten digits with today's practice: Adam, a cosine schedule, light augmentation.

Command:   eyespot train lenet --dataset digits --output runs/lenet-digits
Data:      digits (1,797 real images shipped with scikit-learn), or any folder of classes
Source:    our own, on the network of the Starter Bundle, chapter 14
Expected:  99.8 % of the test digits (ten seeds: 99.3 to 100 %, median 99.6 %); 98.9 % of 2,500 test digits
           of MNIST with 7,500 to train on, 99.0 % with --epochs 30 (tests/benchmarks/digits28.py)
Time here: 40 seconds on two cores; 3 CPU minutes for the 7,500, 5 for 30 epochs
"""

from edge.steps import Grey, Resize, Scale
from training.epochs.augmentation import Augmentation
from training.epochs.optimizers import Adam
from training.epochs.schedules import Cosine
from training.networks.lenet import build_lenet
from training.recipe import Recipe

# Small turns, shifts and changes of size, as another hand would have written the same digit.
AUGMENTATION = Augmentation(rotation_degrees=10, shift=0.08, zoom=0.1)

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
        augmentation=AUGMENTATION,
    ),
)
