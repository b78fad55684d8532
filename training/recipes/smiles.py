"""LeNet on faces, smiling or not: with today's practice, and with the book's settings.

Command:   eyespot train smiles --dataset SMILEs/ (or smiles-book)
Data:      SMILES, 13,165 faces: positives/positives7, negatives/negatives7
Source:    Starter Bundle, chapter 22
Expected:  93 %
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
        summary="LeNet, 28x28 grey faces, augmented",
        source="own, on chapter 22",
        reported="93 %",
        dataset="",
        preprocessing=(Resize(28, 28, "antialias"), Grey(), Scale(1 / 255)),
        network=build_lenet,
        optimizer=Adam(),
        schedule=Cosine(1e-3, warm_up=0.05),
        epochs=40,
        batch_size=64,
        augmentation=Augmentation(
            flip=True, rotation_degrees=10, shift=0.08, zoom=0.12, brightness=0.2, contrast=0.2
        ),
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
