"""Read the tensors of a file that PyTorch saved (its format before 1.6), without PyTorch and without running anything.

Such a file is three pickles that say how it was written, one of the tensors' names, shapes and storages, one of the
storages' keys, and then the storages. Pickles may call any function there is; this reader calls none.
"""

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import ModelError, reason_of

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
DTYPES = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "LongStorage": "<i8", "IntStorage": "<i4"}
# What pickle raises for a damaged file.
UNREADABLE = (pickle.UnpicklingError, ArithmeticError, AttributeError, EOFError, LookupError, TypeError, ValueError)
# A storage's key, an offset into it, the shape, and the strides; offset and strides count elements.
Description = tuple[str, int, tuple[int, ...], tuple[int, ...]]


def read_torch_tensors(content: bytes, name: str) -> dict[str, NDArray[Any]]:
    """Return the tensors of a file by their names, copied; `name` is that of the file, for errors.

    Raises ModelError for a file of another kind, for a damaged one, and for a pickle that calls anything.
    """
    file = io.BytesIO(content)
    try:
        if [_Data(file).load() for _ in range(2)] != [MAGIC, PROTOCOL]:
            raise ValueError("it does not begin as PyTorch's files do")
        _Data(file).load()  # the sizes of C's types where it was written
        described = _Data(file)
        tensors: Mapping[str, Description] = described.load()
        storages = {key: _read_storage(file, described.storages[key]) for key in _Data(file).load()}
        return {k: _view(storages[key], at, shape, strides) for k, (key, at, shape, strides) in tensors.items()}
    except UNREADABLE as error:
        raise ModelError(f"{name}: no readable file of PyTorch tensors ({reason_of(error):.200})") from None


class _Data(pickle.Unpickler):
    """An unpickler for which the three kinds of names in such a file are data, and any other is an error."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.storages: dict[str, np.dtype[Any]] = {}

    def find_class(self, module: str, name: str) -> Callable[..., Any] | str:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda *arguments: arguments[:4]
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        raise pickle.UnpicklingError(f"it names {module}.{name}, which is not read")

    def persistent_load(self, pid: Any) -> str:
        _, dtype, key, *_ = pid
        self.storages[key] = np.dtype(dtype)
        return str(key)


def _read_storage(file: io.BytesIO, dtype: np.dtype[Any]) -> NDArray[Any]:
    count = int.from_bytes(file.read(8), "little")
    values = np.frombuffer(file.read(count * dtype.itemsize), dtype)
    if len(values) != count:
        raise ValueError("it ends too early")
    return values


def _view(values: NDArray[Any], offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> NDArray[Any]:
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if min((offset, *shape, *strides)) < 0 or last >= len(values):
        raise ValueError("a tensor lies outside its storage")
    steps = [stride * values.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(values[offset:], shape, steps).copy()
