"""The layers of a network as data: what each is, gives and costs, and which others it reads."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

CONVOLUTIONS = (layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.DepthwiseConv1D, layers.DepthwiseConv2D)
SEPARABLE = (layers.SeparableConv1D, layers.SeparableConv2D)
TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)


@dataclass(frozen=True)
class LayerRow:
    """One layer. `shape` is that of its output without the batch; `inputs` are rows that stand before it.

    `multiply_adds` are those of one image; see `count_multiply_adds` for which layers have any.
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
    """Return the layers of `network`, which calls each of them once, every layer behind those that it reads."""
    # A Sequential keeps its input to itself; as a functional model both kinds look the same.
    operations = keras.Model(network.inputs, network.outputs).operations
    calls = _calls(network.outputs)
    places = {id(operation): i for i, operation in enumerate(operations)}
    return tuple(_row(operation, calls[id(operation)], places) for operation in operations)


def count_multiply_adds(operation: keras.Operation, taken: Sequence[int | None], given: Sequence[int | None]) -> int:
    """Return the multiply-adds of a layer for one image, without those of its bias.

    `taken` and `given` are the shapes of its input and output without the batch. Each weight of a kernel is used once
    for every place of the output: the pixels of a convolution, the rows of a dense layer that is given several; that of
    a transposed convolution for every pixel of the input. Layers of other kinds have none.
    """
    if isinstance(operation, layers.Dense):
        return _size(operation.kernel.shape) * _size(given[:-1])
    if isinstance(operation, SEPARABLE):
        weights = _size(operation.depthwise_kernel.shape) + _size(operation.pointwise_kernel.shape)
    elif isinstance(operation, CONVOLUTIONS + TRANSPOSED):
        weights = _size(operation.kernel.shape)
    else:
        return 0
    places = taken if isinstance(operation, TRANSPOSED) else given
    return weights * _size(places[:-1] if operation.data_format == "channels_last" else places[1:])


def _row(operation: keras.Operation, call: Any, places: dict[int, int]) -> LayerRow:
    shape = tuple(call.output_tensors[0].shape[1:])
    taken = next((tensor.shape[1:] for tensor in call.input_tensors), ())
    return LayerRow(
        name=operation.name,
        kind=type(operation).__name__,
        shape=shape,
        parameters=operation.count_params() if isinstance(operation, layers.Layer) else 0,
        multiply_adds=count_multiply_adds(operation, taken, shape),
        inputs=tuple(dict.fromkeys(places[id(tensor._keras_history.operation)] for tensor in call.input_tensors)),
    )


def _calls(outputs: Sequence[keras.KerasTensor]) -> dict[int, Any]:
    """Return for each operation that leads to `outputs` the call that does, by the operation's id.

    A Sequential that was read from a file has called its layers twice, so that `Operation.input` and `output`,
    which are those of the first call, lead nowhere; only Keras's own record of a tensor tells which call it is of.
    """
    calls: dict[int, Any] = {}
    waiting = list(outputs)
    while waiting:
        maker = waiting.pop()._keras_history
        if id(maker.operation) not in calls:
            calls[id(maker.operation)] = call = maker.operation._inbound_nodes[maker.node_index]
            waiting += call.input_tensors
    return calls


def _size(shape: Iterable[int | None]) -> int:
    return math.prod(1 if size is None else size for size in shape)
