"""LeNet on faces, smiling or not: with today's practice, and with the book's settings.

Command:   eyespot train smiles --dataset SMILEs/ (or smiles-book)
Data:      SMILES, 13,165 faces: positives/positives7, negatives/negatives7
Source:    Starter Bundle, chapter 22
Expected:  93 %
Measured:  93.4 % of 2,108 test faces, from 7,582 to train on (smiles)
"""

from functools import partial

from edge.spec import Faces
from edge.steps import Grey, Resize, Scale
from training.epochs.augmentation import Augmentation
from training.networks.book import build_lenet
from training.recipe import Optimizer, Recipe

smiles = partial(Recipe, network=build_lenet, batch_size=64, test_share=0.2, classes=2, regions=Faces())
RECIPES = (
    smiles(
        name="smiles",
        summary="LeNet, 48x48 grey faces, augmented",
        preprocessing=(Resize(48, 48, "antialias"), Grey(), Scale(1 / 255)),
        optimizer=Optimizer(rate=1.5e-3, schedule="cosine", warm_up=0.05),
        epochs=25,
        augmentation=Augmentation(flip=True, rotation_degrees=8, shift=0.05, zoom=0.08, brightness=0.15, contrast=0.15),
    ),
    smiles(
        name="smiles-book",
        summary="LeNet, 28x28 grey faces",
        preprocessing=(Resize(28, 28, "antialias"), Grey(), Scale(1 / 255)),
        epochs=15,
        balanced_classes=True,
    ),
)
