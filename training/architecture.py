"""Show the layers of a network: output shape, parameters and multiply-adds of each, and all as a picture.

RUN is a folder that 'eyespot train' wrote, MODEL.keras a network that Keras saved. NAME is a recipe ('eyespot train
--list' shows them) or one of shallownet, lenet, minivggnet, mlp-mnist, mlp-cifar10, linear, efficientnet-lite0,
efficientnet-lite1, efficientnet-lite2, squeezenet, vgg16, vgg19, resnet50, inceptionv3, xception, mobilenetv2 and
efficientnetv2-b0, with random weights. Multiply-adds are those of convolutions and dense layers for one image.
Exit status: 0 done; 2 nothing is shown.
"""

import argparse
import re
from pathlib import Path

from edge.arguments import DONE, positive
from edge.errors import UsageError, unknown_name
from export.preprocess import build_preprocessing, network_shape
from export.quiet_tensorflow import start_tensorflow
from export.run_folder import RunFolder
from export.sources.keras_file import load_keras
from training.arguments import picture_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot architecture` takes."""
    parser.add_argument("network", metavar="NAME|RUN|MODEL.keras", help="the network whose layers to show")
    parser.add_argument("--input", type=shape, metavar="HxWxC", help="of a NAME (default: that of its source)")
    parser.add_argument("--classes", type=positive, metavar="N", help="of a NAME (default: those of its source)")
    parser.add_argument("--output", type=picture_path, metavar="FILE", help="draw the layers into this .png or .svg")


def shape(text: str) -> tuple[int, int, int]:
    """Return height, width and channels from text such as 28x28x1, for argparse."""
    match = re.fullmatch(r"([1-9]\d{0,3})x([1-9]\d{0,3})x([1-9]\d{0,3})", text)
    if not match:
        raise argparse.ArgumentTypeError(f"must be height x width x channels, such as 28x28x1. Received: {text}")
    return int(match[1]), int(match[2]), int(match[3])


def run(arguments: argparse.Namespace) -> int:
    """Print the table, draw the picture and return the exit status."""
    start_tensorflow()
    from training.layer_table import draw_layers, format_table, tabulate_layers
    from training.networks.catalogue import NETWORKS, Entry
    from training.recipe import Recipe
    from training.recipes import RECIPES
    from training.report.plots import save_figure

    name, size, classes, path = arguments.network, arguments.input, arguments.classes, Path(arguments.network)
    if name in NETWORKS:
        network = NETWORKS[name].build(size, classes)
    elif name in RECIPES:
        recipe = RECIPES[name]
        if not isinstance(recipe, Recipe):
            raise UsageError(f"the recipe {name} has no layers before it is trained; give its run")
        shape_of_recipe = network_shape(build_preprocessing(recipe.preprocessing))
        network = Entry(recipe.network, shape_of_recipe, recipe.classes or 10).build(size, classes)
    elif not path.exists():
        unknown = unknown_name("network", name, [*NETWORKS, *RECIPES])
        raise UsageError(f"{unknown}; or give a run or a .keras file")
    elif size or classes:
        raise UsageError("--input and --classes are for a NAME; a run and a .keras file have their own")
    else:
        network = load_keras(RunFolder(path).model if path.is_dir() else path)
    rows = tabulate_layers(network)
    print(format_table(network.name, rows))
    if arguments.output:
        save_figure(draw_layers(rows), arguments.output)
        print(f"\nwritten: {arguments.output}")
    return DONE
