"""The classifiers of the book but for LeNet's: raw pixels, perceptrons, ShallowNet and MiniVGGNet.

Command:   eyespot train knn --dataset animals/ [--k 1] (or linear, linear-l1, linear-l2, shallownet-animals);
           eyespot train minivggnet-cifar10 (or -plain, minivggnet-step, minivggnet-step-slow, shallownet-cifar10,
           mlp-cifar10, mlp-mnist)
Data:      Animals, 3,000 pictures of cats, dogs and pandas: a folder with one folder for each; MNIST, 70,000
           handwritten digits, and CIFAR-10, 60,000 pictures in ten classes, through Keras
Source:    Starter Bundle, chapters 7 to 10, 12, 15 and 16
Expected:  knn 52 %, linear 50 %, 53 % with L1, 55 % with L2; mlp-mnist 92 %, mlp-cifar10 57 %, overfitted;
           shallownet-animals 71 %, shallownet-cifar10 60 %; minivggnet-cifar10 83 % with, 79 % without normalisation;
           79 % with a rate that drops by a factor of .25 every five epochs, 82 % with .5
Measured:  mlp-mnist 83.3 % of 2,500 digits of MNIST from 7,500 to train on
"""

from dataclasses import replace
from functools import partial

from edge.steps import Grey, Resize, Scale
from training.networks.book import build_minivggnet, build_mlp_cifar10, build_mlp_mnist, build_shallownet
from training.recipe import HeadRecipe, Optimizer, Recipe
from training.transfer.head import Logistic, NearestNeighbours

# The book weighs the penalty by 1e-4 against the mean loss of its 2,250 training pictures; scikit-learn's C weighs the
# sum of the losses against the penalty.
STRENGTH = 1 / (1e-4 * 2250)

colour = (Resize(32, 32, "antialias"), Scale(1 / 255))
grey = (Resize(28, 28, "antialias"), Grey(), Scale(1 / 255))
sgd = Optimizer(name="SGD", rate=0.01)
pixels = partial(HeadRecipe, preprocessing=colour)
mlp = partial(Recipe, optimizer=sgd, epochs=100)
shallownet = partial(Recipe, summary="ShallowNet, 32x32", preprocessing=colour, network=build_shallownet)
minivggnet = partial(
    Recipe, dataset="cifar10", preprocessing=colour, network=build_minivggnet, epochs=40, batch_size=64
)
plain = partial(build_minivggnet, normalised=False)
decayed = Optimizer(name="SGD", rate=0.01, momentum=0.9, schedule="time-decay")
quarter, half = (replace(decayed, schedule="step-decay", factor=factor) for factor in (0.25, 0.5))
RECIPES = (
    pixels(name="knn", summary="k nearest neighbours, 32x32 raw pixels", head=NearestNeighbours(k=1)),
    pixels(name="linear", summary="softmax regression", head=Logistic(None, STRENGTH)),
    pixels(name="linear-l1", summary="softmax regression, L1", head=Logistic("l1", STRENGTH)),
    pixels(name="linear-l2", summary="softmax regression, L2", head=Logistic("l2", STRENGTH)),
    mlp(
        name="mlp-mnist",
        summary="perceptron 784-256-128-10",
        dataset="mnist",
        preprocessing=grey,
        network=build_mlp_mnist,
        batch_size=128,
    ),
    mlp(
        name="mlp-cifar10",
        summary="perceptron 3072-1024-512-10",
        dataset="cifar10",
        preprocessing=colour,
        network=build_mlp_cifar10,
    ),
    shallownet(name="shallownet-animals", optimizer=Optimizer(name="SGD", rate=0.005), epochs=100),
    shallownet(name="shallownet-cifar10", dataset="cifar10", optimizer=sgd, epochs=40),
    minivggnet(name="minivggnet-cifar10", summary="MiniVGGNet, normalised", optimizer=decayed),
    minivggnet(name="minivggnet-cifar10-plain", summary="MiniVGGNet, not normalised", optimizer=decayed, network=plain),
    minivggnet(name="minivggnet-step", summary="MiniVGGNet, rate x 0.25 in steps", optimizer=quarter),
    minivggnet(name="minivggnet-step-slow", summary="MiniVGGNet, rate x 0.5 in steps", optimizer=half),
)
