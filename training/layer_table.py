"""The layers of a network as data: what each is, gives and costs, and which others it reads."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers


@dataclass(frozen=True)
class LayerRow:
    """One layer. `shape` is that of its output without the batch; `inputs` are rows that stand before it.

    `multiply_adds` are those of one image; 0 for layers other than convolutions and dense ones.
    """

    name: str
    kind: str
    shape: tuple[int | None, ...]
    parameters: int
    multiply_adds: int
    inputs: tuple[int, ...]

    @property
    def shape_text(self) -> str:
        """The shape as a person would write it, such as 28x28x20; ? for what is open."""
        return "x".join("?" if size is None else str(size) for size in self.shape)


@dataclass(frozen=True)
class Totals:
    """What all layers of a network have together."""

    layers: int
    parameters: int
    multiply_adds: int

    def __str__(self) -> str:
        return f"{self.layers} layers, {self.parameters:,} parameters, {self.multiply_adds:,} multiply-adds"


def add_up(rows: Sequence[LayerRow]) -> Totals:
    """Return the totals of `rows`."""
    return Totals(len(rows), sum(row.parameters for row in rows), sum(row.multiply_adds for row in rows))


def tabulate_layers(network: keras.Model) -> tuple[LayerRow, ...]:
    """Return the layers of `network` in an order in which each stands behind all that it reads."""
    # A Sequential keeps its input to itself; as a functional model both kinds look the same.
    operations = keras.Model(network.inputs, network.outputs).operations
    makers = {id(tensor): i for i, operation in enumerate(operations) for tensor in _tensors(operation.output)}
    return tuple(
        LayerRow(
            name=operation.name,
            kind=type(operation).__name__,
            shape=tuple(_tensors(operation.output)[0].shape[1:]),
            parameters=operation.count_params() if isinstance(operation, layers.Layer) else 0,
            multiply_adds=count_multiply_adds(operation),
            inputs=tuple(dict.fromkeys(makers[id(tensor)] for tensor in _inputs(operation))),
        )
        for operation in operations
    )


def count_multiply_adds(operation: keras.Operation) -> int:
    """Return the multiply-adds of a convolution or a dense layer for one image, without those of its bias.

    Each weight of a kernel is used once for every place of the output: the pixels of a convolution, the rows
    of a dense layer that is given several.
    """
    if isinstance(operation, layers.Dense):
        return _size(operation.kernel.shape) * _size(operation.output.shape[1:-1])
    if isinstance(operation, layers.SeparableConv2D):
        weights = _size(operation.depthwise_kernel.shape) + _size(operation.pointwise_kernel.shape)
    elif isinstance(operation, layers.Conv2D | layers.DepthwiseConv2D):
        weights = _size(operation.kernel.shape)
    else:
        return 0
    last = operation.data_format == "channels_last"
    return weights * _size(operation.output.shape[1:3] if last else operation.output.shape[2:4])


def _size(shape: Iterable[int | None]) -> int:
    return math.prod(1 if size is None else size for size in shape)


def _inputs(operation: keras.Operation) -> list[Any]:
    return [] if isinstance(operation, layers.InputLayer) else _tensors(operation.input)


def _tensors(value: Any) -> list[Any]:
    tensors: list[Any] = keras.tree.flatten(value)
    return tensors
