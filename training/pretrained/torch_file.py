"""Read the tensors of a file that PyTorch saved (its format before 1.6), without PyTorch and without running anything.

Such a file is three pickles that say how it was written, one of the tensors' names, shapes and storages, one of the
storages' keys, and then the storages. Pickles may call any function there is; this reader calls none.
"""

import io
import pickle
from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import ModelError, reason_of

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
# What the names in such a file stand for; pickle may find no other.
NAMES = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): lambda *arguments: arguments[:4],
    ("torch", "FloatStorage"): "<f4",
    ("torch", "LongStorage"): "<i8",
}
# What pickle and NumPy raise for a damaged file.
UNREADABLE = (pickle.UnpicklingError, ArithmeticError, AttributeError, EOFError, LookupError, TypeError, ValueError)


class _Data(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in NAMES:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is not read")
        return NAMES[module, name]

    def persistent_load(self, pid: Any) -> tuple[str, str]:
        """Return key and dtype of a storage."""
        return pid[2], pid[1]


def read_torch_tensors(content: bytes, name: str) -> dict[str, NDArray[Any]]:
    """Return the tensors of a file by their names, copied; `name` is that of the file, for errors.

    Raises ModelError for a file of another kind, for a damaged one, and for a pickle that calls anything.
    """
    file, storages, found = io.BytesIO(content), dict[str, NDArray[Any]](), dict[str, NDArray[Any]]()
    try:
        if [_Data(file).load() for _ in range(2)] != [MAGIC, PROTOCOL]:
            raise ValueError("it does not begin as PyTorch's files do")
        _Data(file).load()  # the sizes of C's types where it was written
        tensors = _Data(file).load()
        dtypes = dict(storage for storage, *_ in tensors.values())
        for key in _Data(file).load():
            count = int.from_bytes(file.read(8), "little")
            storages[key] = np.frombuffer(content, dtypes[key], count, file.tell())
            file.seek(storages[key].nbytes, io.SEEK_CUR)
        for tensor, ((key, dtype), offset, shape, strides) in tensors.items():  # offset and strides count elements
            size = storages[key].itemsize  # NumPy refuses what lies outside its storage
            view = np.ndarray(shape, dtype, storages[key], offset * size, [stride * size for stride in strides])
            found[tensor] = view.copy()
    except UNREADABLE as error:
        raise ModelError(f"{name}: no readable file of PyTorch tensors ({reason_of(error):.200})") from None
    return found
