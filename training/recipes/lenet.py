"""LeNet on handwritten digits, on the glyphs of captchas and on faces: with today's practice, and as in the book.

Command:   eyespot train lenet --dataset digits --output runs/lenet-digits (or lenet-mnist);
           eyespot train captcha --dataset glyphs/; eyespot train smiles --dataset SMILEs/ (or smiles-book)
Data:      digits (1,797 real images shipped with scikit-learn), or any folder of classes; MNIST, 70,000 handwritten
           digits, through Keras; glyphs, one folder for each character; SMILES, 13,165 faces: positives/positives7,
           negatives/negatives7
Source:    Starter Bundle, chapters 14, 21 and 22; lenet and smiles: our own, on its network
Expected:  lenet-mnist 98 %, captcha 100 %, smiles 93 %
Measured:  lenet 99.8 % of the test digits (ten seeds: 99.3 to 100 %, median 99.6 %), 98.9 % of 2,500 test digits of
           MNIST with 7,500 to train on, 99.0 % with --epochs 30 (tests/benchmarks/accuracy.py); lenet-mnist 93.4 % of
           the same 2,500. captcha 99.7 % of 2,500 whole captchas drawn by eyespot, with 500 others to train on (the
           book's are no longer available). smiles 93.4 % of 2,108 test faces, from 7,582 to train on
"""

from functools import partial

from edge.spec import Faces, Glyphs
from edge.steps import Fit, Grey, Resize, Scale
from training.epochs.augmentation import AUGMENTATIONS, Augmentation
from training.networks.book import build_lenet
from training.recipe import Optimizer, Recipe

small, large = ((Resize(side, side, "antialias"), Grey(), Scale(1 / 255)) for side in (28, 48))
sgd = Optimizer(name="SGD", rate=0.01)
lenet = partial(Recipe, network=build_lenet, preprocessing=small)
smiles = partial(lenet, batch_size=64, test_share=0.2, classes=2, regions=Faces())
RECIPES = (
    lenet(
        name="lenet",
        summary="LeNet, 28x28 grey, augmented",
        dataset="digits",
        optimizer=Optimizer(schedule="cosine"),
        epochs=20,
        augmentation=AUGMENTATIONS["light"],  # as another hand would have written the same digit
    ),
    lenet(name="lenet-mnist", summary="LeNet, 28x28 grey", dataset="mnist", optimizer=sgd, epochs=20, batch_size=128),
    lenet(
        name="captcha",
        summary="LeNet, 28x28 grey glyphs",
        # A glyph keeps its proportions, or a 1 would look like an I; its own border fills what is left.
        preprocessing=(Grey(), Fit(28, 28, "area", "replicate", 0), Scale(1 / 255)),
        optimizer=sgd,
        epochs=15,
        regions=Glyphs(4),
    ),
    smiles(
        name="smiles",
        summary="LeNet, 48x48 grey faces, augmented",
        preprocessing=large,
        optimizer=Optimizer(rate=1.5e-3, schedule="cosine", warm_up=0.05),
        epochs=25,
        augmentation=Augmentation(flip=True, rotation_degrees=8, shift=0.05, zoom=0.08, brightness=0.15, contrast=0.15),
    ),
    smiles(name="smiles-book", summary="LeNet, 28x28 grey faces", epochs=15, balanced_classes=True),
)
