"""The layers of a network as a table and as a picture: the kind, output shape, parameters and multiply-adds of each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers
from matplotlib.figure import Figure

# In inches: the width of the picture, the height of a layer in it, and how far arrows around layers reach out.
WIDTH, HEIGHT, BULGE = 4.0, 0.5, 1.6
TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
Shape = Sequence[int | None]


@dataclass(frozen=True)
class LayerRow:
    """One layer; `shape` is that of its output without the batch, such as 28x28x20, `inputs` are indices of rows."""

    name: str
    kind: str
    shape: str
    parameters: int
    multiply_adds: int
    inputs: tuple[int, ...]


def tabulate_layers(network: keras.Model) -> tuple[LayerRow, ...]:
    """Return the layers of `network`, which calls each of them once, each behind its inputs."""
    # A Sequential has no input layer; as a functional model both kinds look the same.
    operations = keras.Model(network.inputs, network.outputs).operations
    sources = {id(tensor): i for i, op in enumerate(operations) for tensor in keras.tree.flatten(op.output)}
    return tuple(
        LayerRow(
            name=operation.name,
            kind=type(operation).__name__,
            shape="x".join("?" if size is None else str(size) for size in _shape(operation.output)),
            parameters=operation.count_params() if isinstance(operation, layers.Layer) else 0,
            multiply_adds=count_multiply_adds(operation, _shape(operation.input), _shape(operation.output)),
            # A Sequential that was read from a file knows its layers by other tensors, each behind the one before.
            inputs=tuple(sorted({sources.get(id(t), i - 1) for t in keras.tree.flatten(operation.input)} - {i, -1})),
        )
        for i, operation in enumerate(operations)
    )


def count_multiply_adds(operation: keras.Operation, input_shape: Shape, output_shape: Shape) -> int:
    """Return the multiply-adds of the kernels of a layer for one image; shapes are without the batch.

    Each weight of a kernel is used once for every pixel of the output, and that of a transposed convolution once for
    every pixel of the input.
    """
    if isinstance(operation, keras.Model):
        return sum(row.multiply_adds for row in tabulate_layers(operation))
    kernels = [getattr(operation, name, None) for name in ("kernel", "depthwise_kernel", "pointwise_kernel")]
    weights: int = sum(math.prod(kernel.shape) for kernel in kernels if kernel is not None)
    pixels = input_shape if isinstance(operation, TRANSPOSED) else output_shape
    channels_first = getattr(operation, "data_format", None) == "channels_first"
    return weights * math.prod(size or 1 for size in (pixels[1:] if channels_first else pixels[:-1]))


def format_table(name: str, rows: Sequence[LayerRow]) -> str:
    """Return the layers as an aligned table, with their totals above and below."""
    parameters, multiply_adds = (f"{sum(getattr(x, k) for x in rows):,}" for k in ("parameters", "multiply_adds"))
    cells = [
        ("layer", "kind", "output", "parameters", "multiply-adds"),
        *((row.name, row.kind, row.shape, f"{row.parameters:,}", f"{row.multiply_adds:,}") for row in rows),
        ("total", "", "", parameters, multiply_adds),
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    aligned = "  ".join(f"{{:{side}{width}}}" for side, width in zip("<<<>>", widths, strict=True))
    totals = f"{len(rows)} layers, {parameters} parameters, {multiply_adds} multiply-adds"
    return "\n".join([f"{name}: {totals}", "", *(aligned.format(*row) for row in cells)])


def draw_layers(rows: Sequence[LayerRow]) -> Figure:
    """Return a picture of the layers, one below the other; those with parameters are blue."""
    height = len(rows) * HEIGHT
    figure = Figure(figsize=(WIDTH, height), dpi=110)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0))
    axes.set_axis_off()
    for i, row in enumerate(rows):
        box = {"boxstyle": "round", "facecolor": "#cfe2f3" if row.parameters else "#eeeeee", "edgecolor": "#555555"}
        position, text = (WIDTH / 2, (i + 0.5) * HEIGHT), f"{row.name:.40}\n{row.kind} {row.shape}"
        axes.text(*position, text, ha="center", va="center", fontsize=6, parse_math=False, bbox=box)
        for source in row.inputs:
            rad = 0 if source == i - 1 else 2 * BULGE / ((i - source) * HEIGHT)  # around the layers between
            style = {"arrowstyle": "-|>", "shrinkA": 10, "shrinkB": 10, "connectionstyle": f"arc3,rad={rad}"}
            axes.annotate("", position, (WIDTH / 2, (source + 0.5) * HEIGHT), arrowprops=style, zorder=0)
    return figure


def _shape(tensors: Any) -> Shape:
    return next((tuple(tensor.shape[1:]) for tensor in keras.tree.flatten(tensors)), ())
