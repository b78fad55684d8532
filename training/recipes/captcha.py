"""LeNet on the glyphs of captchas.

Command:   eyespot train captcha --dataset glyphs/
Data:      labelled glyphs, one folder for each character
Source:    Starter Bundle, chapter 21
Expected:  100 %
Time here: half a minute for 2,000 glyphs of 500 captchas drawn by eyespot; it read 99.7 % of 2,500 new ones whole
           (not the book's captchas, which are no longer available)
"""

from edge.spec import Glyphs
from edge.steps import Fit, Grey, Scale
from training.networks.book import build_lenet
from training.recipe import Optimizer, Recipe

RECIPES = (
    Recipe(
        name="captcha",
        summary="LeNet, 28x28 grey glyphs",
        # A glyph keeps its proportions, or a 1 would look like an I; its own border fills what is left.
        preprocessing=(Grey(), Fit(28, 28, "area", "replicate", 0), Scale(1 / 255)),
        network=build_lenet,
        optimizer=Optimizer(name="SGD", rate=0.01),
        epochs=15,
        regions=Glyphs(4),
    ),
)
