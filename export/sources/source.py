"""A classifier as it came, before it is an artifact: what it takes, what answers for it, how it becomes ONNX.

A run, a file of Keras, a SavedModel and a plain ONNX file go one and the same way from here on.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType

import numpy as np
import onnx
from numpy.typing import NDArray

from edge.errors import UsageError
from edge.spec import Reference
from export.graph.merge import flatten_first

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Source:
    """A network that takes float32 [N, *`input_shape`] (None for a size that it leaves open) and gives [N, units].

    `answer` runs it as it is. `convert` takes a shape without None, and the number of units, and returns the network
    in ONNX in its one form (see export/graph/canonical.py), for any number of pictures or for one at a time. `modules`
    are the packages whose versions go into the certificate. `notes` are sentences for the user on what was changed.
    """

    name: str
    reference: Reference
    input_shape: Shape
    answer: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    convert: Callable[[tuple[int, ...], int], onnx.ModelProto]
    modules: tuple[ModuleType, ...]
    notes: tuple[str, ...] = ()

    @property
    def is_flat(self) -> bool:
        """Whether it takes a row of numbers for each picture, as networks without convolutions may."""
        return len(self.input_shape) == 1

    def accept(self, given: tuple[int, int, int]) -> "Source":
        """Return this network for pictures of the shape `given`, with rows of a flat one taken from them.

        Raises UsageError if that is not a shape that it takes.
        """
        if self.is_flat and self.input_shape[0] in (None, math.prod(given)):
            return self._flattened(given)
        if not _fits(given, self.input_shape):
            taken = str([size or "any" for size in self.input_shape]).replace("'", "")
            turned = _fits((given[2], *given[:2]), self.input_shape)
            hint = "; add the step channels_first" if turned else ""
            raise UsageError(f"preprocessing gives pictures of {list(given)}, the network takes {taken}{hint}")
        return self

    def _flattened(self, given: tuple[int, ...]) -> "Source":
        length = math.prod(given)

        def convert(shape: tuple[int, ...], units: int) -> onnx.ModelProto:
            return flatten_first(self.convert((length,), units), shape)

        def answer(arrays: NDArray[np.float32]) -> NDArray[np.float32]:
            return self.answer(arrays.reshape(len(arrays), length))

        note = f"the network takes a row of {length} numbers; the file flattens {list(given)} to it"
        return replace(self, input_shape=given, answer=answer, convert=convert, notes=(*self.notes, note))


def _fits(given: tuple[int, ...], taken: Shape) -> bool:
    return len(given) == len(taken) and all(b in (None, a) for a, b in zip(given, taken, strict=True))
