"""LeNet on handwritten digits with today's practice: Adam, a cosine schedule, light augmentation.

Command:   eyespot train lenet --dataset digits --output runs/lenet-digits
Data:      digits (1,797 real images shipped with scikit-learn), or any folder of classes
Source:    our own, on the network of the Starter Bundle, chapter 14
Expected:  99.8 % of the held-out digits (ten seeds: 99.3 to 100 %, median 99.6 %); 98.9 % of 2,500 held-out digits
           of MNIST with 7,500 to train on, 99.0 % with --epochs 30 (tests/benchmarks/digits28.py)
Time here: 40 seconds on two cores; 3 CPU minutes for the 7,500, 5 for 30 epochs
"""

from collections.abc import Sequence

from keras import layers

from edge.steps import Grey, Resize, Scale
from training.networks.lenet import build_lenet
from training.optimizers import Adam
from training.recipe import Recipe
from training.schedules import Cosine


def augment(seed: int) -> Sequence[layers.Layer]:
    """Return small turns, shifts and changes of size, as another hand would have written the same digit."""
    return (
        layers.RandomRotation(0.03, fill_mode="nearest", seed=seed),
        layers.RandomTranslation(0.08, 0.08, fill_mode="nearest", seed=seed + 1),
        layers.RandomZoom(0.1, fill_mode="nearest", seed=seed + 2),
    )


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
        augmentation=augment,
    ),
)
