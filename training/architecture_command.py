"""Show the layers of a network: output shape, parameters and multiply-adds of each, and all as a picture.

RUN is a folder that 'eyespot train' wrote. NETWORK is one of shallownet, lenet, minivggnet, mlp-mnist,
mlp-cifar10, linear, squeezenet, vgg16, vgg19, resnet50, inceptionv3, xception, mobilenetv2 and
efficientnetv2-b0, with random weights. Multiply-adds are those of convolutions and dense layers for one
image. Exit status: 0 done; 2 nothing is shown.
"""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge.arguments import picture_path, positive
from edge.cli import DONE, unknown_name
from edge.errors import UsageError
from edge.steps import LARGEST_SIDE_PX
from export.quiet_tensorflow import start_tensorflow
from export.run_folder import RunFolder

if TYPE_CHECKING:
    import keras

    from training.layer_table import LayerRow


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot architecture` takes."""
    parser.add_argument("network", metavar="RUN|NETWORK", help="a folder written by 'eyespot train', or a name")
    parser.add_argument("--input", type=shape, metavar="HxWxC", help="of a NETWORK (default: that of its source)")
    parser.add_argument("--classes", type=positive, metavar="N", help="of a NETWORK (default: those of its source)")
    parser.add_argument("--output", type=picture_path, metavar="FILE", help="draw the layers into this .png or .svg")


def shape(text: str) -> tuple[int, int, int]:
    """Return height, width and channels that `text` says, such as 28x28x1, for argparse."""
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})x(\d{1,5})", text)
    sizes = [int(size) for size in match.groups()] if match else []
    if not sizes or not all(1 <= size <= LARGEST_SIDE_PX for size in sizes):
        raise argparse.ArgumentTypeError(
            f"must be height x width x channels, each 1 to {LARGEST_SIDE_PX}, such as 28x28x1. Received: {text}"
        )
    return sizes[0], sizes[1], sizes[2]


def run(arguments: argparse.Namespace) -> int:
    """Print the table, draw the picture and return the exit status."""
    output = arguments.output
    start_tensorflow()
    network = _load(arguments)
    from training.layer_table import tabulate_layers

    layers = tabulate_layers(network)
    if output:
        from training.layer_drawing import draw_layers
        from training.plots import save_figure

        save_figure(draw_layers(layers, network.name), output)
    print(describe(network.name, layers))
    if output:
        print(f"\nwritten: {output}")
    return DONE


def _load(arguments: argparse.Namespace) -> "keras.Model":
    from export.sources.keras_file import load_keras
    from training.networks.catalogue import NETWORKS, build_network

    if arguments.network in NETWORKS:
        return build_network(arguments.network, arguments.input, arguments.classes)
    if not Path(arguments.network).is_dir():
        raise UsageError(f"{unknown_name('network', arguments.network, list(NETWORKS))}, or the folder of a run")
    if arguments.input or arguments.classes:
        raise UsageError("--input and --classes are for a NETWORK; a run has its own")
    folder = RunFolder(Path(arguments.network))
    folder.read_spec()
    return load_keras(folder.model)


def describe(name: str, layers: Sequence["LayerRow"]) -> str:
    """Return the layers as an aligned table, with their totals above and below."""
    from training.layer_table import add_up

    totals = add_up(layers)
    rows = [
        ("layer", "kind", "output", "parameters", "multiply-adds"),
        *((row.name, row.kind, row.shape_text, f"{row.parameters:,}", f"{row.multiply_adds:,}") for row in layers),
        ("total", "", "", f"{totals.parameters:,}", f"{totals.multiply_adds:,}"),
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    aligned = "  ".join(f"{{:{side}{width}}}" for side, width in zip("<<<>>", widths, strict=True))
    return "\n".join([f"{name}: {totals}", "", *(aligned.format(*row) for row in rows)])
