"""LeNet on the glyphs of captchas.

Command:   eyespot train captcha --dataset glyphs/
Data:      labelled glyphs, one folder for each character
Source:    Starter Bundle, chapter 21
Expected:  100 %
Time here: half a minute for 2,000 glyphs of 500 captchas that eyespot draws; of 2,500 fresh ones it read 99.7 % whole
           (the book's are not to be had here, so its accuracy is not verified)
"""

from edge.spec import Glyphs
from edge.steps import Fit, Grey, Scale
from training.epochs.optimizers import Sgd
from training.epochs.schedules import Constant
from training.networks.lenet import build_lenet
from training.recipe import Recipe

RECIPES = (
    Recipe(
        name="captcha",
        summary="LeNet, 28x28 grey glyphs",
        source="chapter 21",
        reported="100 %",
        dataset="",
        # A glyph keeps its proportions, or a 1 would look like an I; its own border fills what is left.
        preprocessing=(Grey(), Fit(28, 28, "area", "replicate", 0), Scale(1 / 255)),
        network=build_lenet,
        optimizer=Sgd(),
        schedule=Constant(0.01),
        epochs=15,
        batch_size=32,
        regions=Glyphs(4),
    ),
)
