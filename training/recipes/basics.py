"""The first classifiers of the book: neighbours and softmax regression on raw pixels, perceptrons, and ShallowNet.

Command:   eyespot train knn --dataset animals/ [--k 1] (or linear, linear-l1, linear-l2, shallownet-animals);
           eyespot train mlp-mnist (or mlp-cifar10, shallownet-cifar10)
Data:      Animals, 3,000 pictures of cats, dogs and pandas: a folder with one folder for each; MNIST, 70,000
           handwritten digits, and CIFAR-10, 60,000 pictures in ten classes, through Keras
Source:    Starter Bundle, chapters 7 to 10 and 12
Expected:  knn 52 %, linear 50 %, 53 % with L1, 55 % with L2; mlp-mnist 92 %, mlp-cifar10 57 %, overfitted;
           shallownet-animals 71 %, shallownet-cifar10 60 %
Measured:  mlp-mnist 83.3 % of 2,500 digits of MNIST from 7,500 to train on (tests/benchmarks/digits28.py)
Time here: shallownet 2 and 15 CPU minutes, mlp-mnist 10, mlp-cifar10 an hour, from 3 epochs on a part of the data
"""

from functools import partial

from edge.steps import Grey, Resize, Scale
from training.networks.book import build_mlp_cifar10, build_mlp_mnist, build_shallownet
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
)
