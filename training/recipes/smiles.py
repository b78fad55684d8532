"""LeNet on faces, smiling or not; the classes are unbalanced and weighted for it.

Command:   eyespot train smiles --dataset SMILEs/
Data:      SMILES, 13,165 faces: positives/positives7, negatives/negatives7
Source:    Starter Bundle, chapter 22
Expected:  93 %
Time here: 2 CPU minutes, from the same network on digits; 1,300 drawn faces in the folders of SMILES reached 100 %
           (the data set is not to be had here, so its accuracy is not verified)
"""

from edge.spec import Faces
from edge.steps import Grey, Resize, Scale
from training.epochs.optimizers import Adam
from training.epochs.schedules import Constant
from training.networks.lenet import build_lenet
from training.recipe import Recipe

RECIPES = (
    Recipe(
        name="smiles",
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
