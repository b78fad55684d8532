"""LeNet on faces, smiling or not: with today's practice, and with the book's settings.

Command:   eyespot train smiles --dataset SMILEs/ (or smiles-book)
Data:      SMILES, 13,165 faces: positives/positives7, negatives/negatives7
Source:    Starter Bundle, chapter 22
Expected:  93 %
Measured:  93.4 % of 2,108 test faces, from 7,582 to train on (smiles)
"""

from edge.spec import Faces
from edge.steps import Grey, Resize, Scale
from training.epochs.augmentation import Augmentation
from training.epochs.optimizers import Adam
from training.epochs.schedules import Constant, Cosine
from training.networks.lenet import build_lenet
from training.recipe import Recipe

RECIPES = (
    Recipe(
        name="smiles",
        summary="LeNet, 48x48 grey faces, augmented",
        source="own, on chapter 22",
        reported="93 %",
        dataset="",
        preprocessing=(Resize(48, 48, "antialias"), Grey(), Scale(1 / 255)),
        network=build_lenet,
        optimizer=Adam(),
        schedule=Cosine(1.5e-3, warm_up=0.05),
        epochs=25,
        batch_size=64,
        augmentation=Augmentation(flip=True, rotation_degrees=8, shift=0.05, zoom=0.08, brightness=0.15, contrast=0.15),
        test_share=0.2,
        classes=2,
        regions=Faces(),
    ),
    Recipe(
        name="smiles-book",
        summary="LeNet, 28x28 grey faces",
        source="chapter 22",
        reported="93 %",
        dataset="",
        preprocessing=(Resize(28, 28, "antialias"), Grey(), Scale(1 / 255)),
        network=build_lenet,
        optimizer=Adam(),
        schedule=Constant(0.001),
        epochs=15,
        batch_size=64,
        balanced_classes=True,
        test_share=0.2,
        classes=2,
        regions=Faces(),
    ),
)
