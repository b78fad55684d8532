"""Tensors of the Open Inference Protocol: as JSON, and as bytes behind the JSON (the binary tensor extension).

https://github.com/kserve/open-inference-protocol and, for the extension,
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

import base64
import binascii
import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.problems import RequestError

BINARY_SIZE = "binary_data_size"
# Each element of BYTES stands behind its length, four bytes, little-endian.
LENGTH = struct.Struct("<I")
MAX_DIMENSIONS = 4


def malformed(message: str) -> RequestError:
    """Return the error for a request that is not what the protocol, or the model, says it must be."""
    return RequestError(400, "malformed_request", message)


@dataclass(frozen=True)
class InputTensor:
    """One tensor of a request; `data` is what JSON held, or the bytes that belong to it."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: list[Any] | memoryview

    def as_levels(self) -> NDArray[np.uint8]:
        """Return a UINT8 tensor as an array of its shape. Raises RequestError 400."""
        count = math.prod(self.shape)
        if isinstance(self.data, memoryview):
            if len(self.data) != count:
                raise malformed(f"{self.name}: shape {list(self.shape)} is {count} bytes. Received: {len(self.data)}")
            return np.frombuffer(self.data, np.uint8).reshape(self.shape)
        levels = _flat_numbers(self.data, self.name)
        if levels.size != count:
            raise malformed(f"{self.name}: shape {list(self.shape)} is {count} elements. Received: {levels.size}")
        return levels.reshape(self.shape)

    def as_bytes(self) -> list[bytes]:
        """Return the elements of a BYTES tensor; in JSON they are texts in base64. Raises RequestError 400."""
        elements = self._split(self.data) if isinstance(self.data, memoryview) else self._decoded(self.data)
        if len(elements) != math.prod(self.shape):
            raise malformed(f"{self.name}: shape {list(self.shape)} does not hold {len(elements)} elements")
        return elements

    def _split(self, data: memoryview) -> list[bytes]:
        elements: list[bytes] = []
        position = 0
        while position < len(data):
            if position + LENGTH.size > len(data):
                raise malformed(f"{self.name}: the length of element {len(elements)} is cut short")
            (size,) = LENGTH.unpack_from(data, position)
            position += LENGTH.size
            if position + size > len(data):
                raise malformed(f"{self.name}: element {len(elements)} is cut short")
            elements.append(bytes(data[position : position + size]))
            position += size
        return elements

    def _decoded(self, data: list[Any]) -> list[bytes]:
        elements = []
        for text in np.asarray(data, object).ravel().tolist():
            try:
                elements.append(base64.b64decode(text, validate=True))
            except (binascii.Error, TypeError, ValueError):
                message = (
                    f"{self.name}: in JSON an encoded image must be a text in base64; element {len(elements)} is not"
                )
                raise malformed(message) from None
        return elements


def _flat_numbers(data: list[Any], name: str) -> NDArray[np.uint8]:
    # As objects: a long text among the data would else give its width to every element.
    cells = np.asarray(data, object).ravel()
    kinds = set(map(type, cells))
    if list in kinds:
        raise malformed(f"{name}: its rows differ in length, or it is nested too deeply")
    try:
        numbers = cells.astype(np.int64) if kinds <= {int} else None
    except OverflowError:
        numbers = None
    if numbers is None or (numbers.size and (numbers.min() < 0 or numbers.max() > 255)):
        raise malformed(f"{name}: UINT8 data must be whole numbers from 0 to 255")
    return numbers.astype(np.uint8)


def read_input(tensor: Any, binary: memoryview, position: int) -> tuple[InputTensor, int]:
    """Return one entry of `inputs`, and where the next one's bytes begin in `binary`. Raises RequestError 400."""
    if not isinstance(tensor, dict) or not isinstance(name := tensor.get("name"), str):
        raise malformed("each of inputs must be an object with a name")
    datatype, shape = tensor.get("datatype"), tensor.get("shape")
    if not isinstance(datatype, str):
        raise malformed(f"{name}: datatype must be a text")
    if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape) or len(shape) > MAX_DIMENSIONS:
        raise malformed(
            f"{name}: shape must be a list of at most {MAX_DIMENSIONS} whole numbers. Received: {shape!r:.60}"
        )
    parameters = tensor.get("parameters", {})
    size = parameters.get(BINARY_SIZE) if isinstance(parameters, dict) else None
    if size is None:
        if not isinstance(data := tensor.get("data"), list):
            raise malformed(f"{name}: it has neither data nor the parameter {BINARY_SIZE}")
        return InputTensor(name, datatype, tuple(shape), data), position
    if type(size) is not int or not 0 <= size <= len(binary) - position:
        raise malformed(f"{name}: {BINARY_SIZE} is {size!r:.40}, and {len(binary) - position} bytes are left")
    return InputTensor(name, datatype, tuple(shape), binary[position : position + size]), position + size


def write_bytes(elements: list[bytes]) -> bytes:
    """Return a BYTES tensor as the extension has it."""
    return b"".join(LENGTH.pack(len(element)) + element for element in elements)
