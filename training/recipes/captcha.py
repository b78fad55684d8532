"""LeNet on the glyphs of captchas.

Command:   eyespot train captcha --dataset glyphs/
Data:      labelled glyphs, one folder for each character
Source:    Starter Bundle, chapter 21
Expected:  100 %
Time here: not measured: the data set is not to be had here
"""

from edge.steps import Fit, Grey, Scale
from training.networks.lenet import build_lenet
from training.optimizers import Sgd
from training.recipe import Recipe
from training.schedules import Constant

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
    ),
)
