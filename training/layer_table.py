"""The layers of a network: what each is, gives and costs, as a table and as a picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
from keras import layers
from matplotlib.figure import Figure

from edge.files import replacing

# In inches: the width of the plain picture, the height of a layer in it, and how far arrows keep from its middle.
WIDTH, HEIGHT, BULGE = 4.0, 0.5, 1.6
TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)


@dataclass(frozen=True)
class LayerRow:
    """One layer. `shape` is that of its output, such as 28x28x20, without the batch and with ? for what is open.

    `multiply_adds` are those of `count_multiply_adds`, and `inputs` the rows before it that it reads.
    """

    name: str
    kind: str
    shape: str
    parameters: int
    multiply_adds: int
    inputs: tuple[int, ...]


def tabulate_layers(network: keras.Model) -> tuple[LayerRow, ...]:
    """Return the layers of `network`, which calls each of them once, every layer behind those that it reads."""
    # A Sequential keeps its input to itself; as a functional model both kinds look the same.
    functional = keras.Model(network.inputs, network.outputs)
    names = [operation.name for operation in functional.operations]
    read = {config["name"]: _find_sources(config["inbound_nodes"]) for config in functional.get_config()["layers"]}
    return tuple(
        LayerRow(
            name=operation.name,
            kind=type(operation).__name__,
            shape="x".join("?" if size is None else str(size) for size in _shape(operation.output)),
            parameters=operation.count_params() if isinstance(operation, layers.Layer) else 0,
            multiply_adds=count_multiply_adds(operation, _shape(operation.input), _shape(operation.output)),
            inputs=tuple(names.index(source) for source in dict.fromkeys(read[operation.name])),
        )
        for operation in functional.operations
    )


def count_multiply_adds(operation: keras.Operation, taken: Sequence[int | None], given: Sequence[int | None]) -> int:
    """Return the multiply-adds of a layer for one image, without those of its bias; layers without kernel have none.

    `taken` and `given` are the shapes of its input and output without the batch. Each weight of a kernel is used once
    for every pixel of the output, and that of a transposed convolution for every pixel of the input.
    """
    if isinstance(operation, keras.Model):
        return sum(row.multiply_adds for row in tabulate_layers(operation))
    kernels = [getattr(operation, name, None) for name in ("kernel", "depthwise_kernel", "pointwise_kernel")]
    weights: int = sum(math.prod(kernel.shape) for kernel in kernels if kernel is not None)
    pixels = taken if isinstance(operation, TRANSPOSED) else given
    first = getattr(operation, "data_format", None) == "channels_first"
    return weights * math.prod(size or 1 for size in (pixels[1:] if first else pixels[:-1]))


def format_table(name: str, layers: Sequence[LayerRow]) -> str:
    """Return the layers as an aligned table, with their totals above and below."""
    parameters, multiply_adds = (f"{sum(getattr(x, k) for x in layers):,}" for k in ("parameters", "multiply_adds"))
    rows = [
        ("layer", "kind", "output", "parameters", "multiply-adds"),
        *((row.name, row.kind, row.shape, f"{row.parameters:,}", f"{row.multiply_adds:,}") for row in layers),
        ("total", "", "", parameters, multiply_adds),
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    aligned = "  ".join(f"{{:{side}{width}}}" for side, width in zip("<<<>>", widths, strict=True))
    totals = f"{len(layers)} layers, {parameters} parameters, {multiply_adds} multiply-adds"
    return "\n".join([f"{name}: {totals}", "", *(aligned.format(*row) for row in rows)])


def draw_layers(network: keras.Model, path: Path) -> None:
    """Write a picture of all layers to `path`, a .png or .svg: by Graphviz where it is installed, else plainly."""
    with replacing(path) as temporary:
        try:
            keras.utils.plot_model(network, temporary, show_shapes=True, show_layer_names=True)
        except ImportError:  # pydot or Graphviz is missing
            _draw_plainly(tabulate_layers(network)).savefig(temporary)


def _draw_plainly(rows: Sequence[LayerRow]) -> Figure:
    height = len(rows) * HEIGHT
    figure = Figure(figsize=(WIDTH, height), dpi=110)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0))
    axes.set_axis_off()
    for i, row in enumerate(rows):
        box = {"boxstyle": "round", "facecolor": "#cfe2f3" if row.parameters else "#eeeeee", "edgecolor": "#555555"}
        place, text = (WIDTH / 2, (i + 0.5) * HEIGHT), f"{row.name:.40}\n{row.kind} {row.shape}"
        axes.text(*place, text, ha="center", va="center", fontsize=6, parse_math=False, bbox=box)
        for source in row.inputs:  # around the layers between, if there are any
            rad = 0 if source == i - 1 else 2 * BULGE / ((i - source) * HEIGHT)
            arrow = {"arrowstyle": "-|>", "shrinkA": 10, "shrinkB": 10, "connectionstyle": f"arc3,rad={rad}"}
            axes.annotate("", place, (WIDTH / 2, (source + 0.5) * HEIGHT), arrowprops=arrow, zorder=0)
    return figure


def _shape(tensors: Any) -> tuple[int | None, ...]:
    return next((tuple(tensor.shape[1:]) for tensor in keras.tree.flatten(tensors)), ())


def _find_sources(node: Any) -> list[str]:
    """Return the names of the layers whose results a call takes, out of what Keras writes down of it."""
    if isinstance(node, dict) and "keras_history" in node:
        return [node["keras_history"][0]]
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list | tuple) else ()
    return [name for one in inner for name in _find_sources(one)]
