"""Show the layers of a network: output shape, parameters and multiply-adds of each, and all as a picture.

RUN is a folder that 'eyespot train' wrote, MODEL.keras a network that Keras saved, and NAME a recipe ('eyespot train
--list' shows them) or one of shallownet, lenet, minivggnet, mlp-mnist, mlp-cifar10, linear, efficientnet-lite0,
efficientnet-lite1, efficientnet-lite2, squeezenet, vgg16, vgg19, resnet50, inceptionv3, xception, mobilenetv2 and
efficientnetv2-b0, with random weights. Multiply-adds are those of convolutions and dense layers for one image.
Where pydot and Graphviz are installed, they draw. Exit status: 0 done; 2 nothing is shown.
"""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli import DONE, unknown_name
from edge.errors import UsageError
from edge.steps import CentreCrop, Fit, Grey, Resize
from export.quiet_tensorflow import start_tensorflow

if TYPE_CHECKING:
    import keras


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot architecture` takes."""
    parser.add_argument("network", metavar="NAME|RUN|MODEL.keras", help="whose layers to show")
    parser.add_argument("--input", type=shape, metavar="HxWxC", help="of a NAME (default: that of its source)")
    parser.add_argument("--classes", type=int, metavar="N", help="of a NAME (default: those of its source)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="draw the layers into this .png or .svg")


def shape(text: str) -> tuple[int, int, int]:
    """Return height, width and channels that `text` says, such as 28x28x1, for argparse."""
    match = re.fullmatch(r"([1-9]\d{0,3})x([1-9]\d{0,3})x([1-9]\d{0,3})", text)
    if not match:
        raise argparse.ArgumentTypeError(f"must be height x width x channels, such as 28x28x1. Received: {text}")
    return int(match[1]), int(match[2]), int(match[3])


def run(arguments: argparse.Namespace) -> int:
    """Print the table, draw the picture and return the exit status."""
    output: Path | None = arguments.output
    if output and output.suffix not in (".png", ".svg"):
        raise UsageError(f"--output must end in .png or .svg. Received: {output}")
    if arguments.classes is not None and arguments.classes < 1:
        raise UsageError(f"--classes must be at least 1. Received: {arguments.classes}")
    start_tensorflow()
    network = _find(arguments.network, arguments.input, arguments.classes)
    from training.layer_table import draw_layers, format_table, tabulate_layers

    print(format_table(network.name, tabulate_layers(network)))
    if output:
        draw_layers(network, output)
        print(f"\nwritten: {output}")
    return DONE


def _find(name: str, size: tuple[int, int, int] | None, classes: int | None) -> "keras.Model":
    from training.networks.architecture import Architecture
    from training.networks.catalogue import NETWORKS, build_network
    from training.recipe import Recipe
    from training.recipes import RECIPE_MODULES, load_recipe

    if name in NETWORKS:
        return build_network(name, size, classes)
    if name in RECIPE_MODULES:
        recipe = load_recipe(name)
        if not isinstance(recipe, Recipe):
            raise UsageError(f"the recipe {name} has no layers before it is trained; give its run")
        steps = recipe.preprocessing
        height, width = next((s.height, s.width) for s in reversed(steps) if isinstance(s, Resize | CentreCrop | Fit))
        channels = 1 if any(isinstance(step, Grey) for step in steps) else 3
        own = size or (height, width, channels)
        return recipe.network(Architecture(*own, classes or recipe.classes or 10))  # as the digits and CIFAR-10 have
    path = Path(name)
    if not path.exists():
        raise UsageError(
            f"{unknown_name('network', name, list(NETWORKS | RECIPE_MODULES))}; or give a run or a .keras file"
        )
    if size or classes:
        raise UsageError("--input and --classes are for a NAME; a run and a .keras file have their own")
    from export.run_folder import RunFolder
    from export.sources.keras_file import load_keras

    return load_keras(RunFolder(path).model if path.is_dir() else path)
