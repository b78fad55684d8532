"""ShallowNet on animals and on CIFAR-10.

Command:   eyespot train shallownet-animals --dataset animals/ (or shallownet-cifar10)
Data:      Animals, 3,000 pictures of cats, dogs and pandas: a folder with one folder for each; CIFAR-10, 60,000
           pictures in ten classes, through Keras
Source:    Starter Bundle, chapter 12
Expected:  71 % of the animals, 60 % of CIFAR-10
Time here: 2 and 15 CPU minutes, from 3 epochs on drawn pictures
"""

from functools import partial

from edge.steps import Resize, Scale
from training.networks.book import build_shallownet
from training.recipe import Optimizer, Recipe

preprocessing = (Resize(32, 32, "antialias"), Scale(1 / 255))
shallownet = partial(Recipe, summary="ShallowNet, 32x32", preprocessing=preprocessing, network=build_shallownet)
slow, fast = (Optimizer(name="SGD", rate=rate) for rate in (0.005, 0.01))
RECIPES = (
    shallownet(name="shallownet-animals", optimizer=slow, epochs=100),
    shallownet(name="shallownet-cifar10", dataset="cifar10", optimizer=fast, epochs=40),
)
