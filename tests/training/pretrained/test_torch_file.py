"""Reading PyTorch's old files, written here by hand after torch/serialization.py."""

import io
import os
import pickle
import sys
from collections import OrderedDict
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from edge.errors import ModelError
from training.pretrained.torch_file import read_torch_tensors

VALUES = np.arange(12, dtype=np.float32)


class Rebuilt:
    """A tensor, pickled as PyTorch pickles it."""

    def __init__(self, *arguments: object) -> None:
        self.arguments = arguments

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.arguments


class Storage:
    pass


class Call:
    """What an attacker would put into a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.mkdir, (str(self.path),)


@pytest.fixture(autouse=True)
def torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two names that are in such files, so that they can be pickled."""
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")

    def _rebuild_tensor_v2() -> None: ...

    float_storage = type("FloatStorage", (), {"__module__": "torch"})
    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    torch.FloatStorage, utils._rebuild_tensor_v2 = float_storage, _rebuild_tensor_v2
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)


def write(state: object, values: np.ndarray = VALUES) -> bytes:
    class Pickler(pickle.Pickler):
        def persistent_id(self, thing: object) -> object:
            kind = sys.modules["torch"].FloatStorage
            return ("storage", kind, "7", "cpu", len(values), None) if isinstance(thing, Storage) else None

    file = io.BytesIO()
    for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, state, ["7"]):
        Pickler(file, 2).dump(value)
    return file.getvalue() + len(values).to_bytes(8, "little") + values.tobytes()


def tensor(offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Rebuilt:
    return Rebuilt(Storage(), offset, shape, strides, False, OrderedDict())


def test_offset_and_strides_are_honoured() -> None:
    state = OrderedDict(whole=tensor(0, (3, 4), (4, 1)), turned=tensor(2, (2, 3), (1, 4)), one=tensor(5, (), ()))
    found = read_torch_tensors(write(state), "w.pth")
    assert list(found) == ["whole", "turned", "one"]
    assert np.array_equal(found["whole"], VALUES.reshape(3, 4))
    assert np.array_equal(found["turned"], VALUES.reshape(3, 4)[:, 2:].T)
    assert found["one"] == 5


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        read_torch_tensors(write(OrderedDict(weight=Call(tmp_path / "made"))), "w.pth")
    assert not (tmp_path / "made").exists()


def test_a_damaged_file_and_one_of_another_kind_are_errors() -> None:
    whole = write(OrderedDict(weight=tensor(0, (3, 4), (4, 1))))
    outside = write(OrderedDict(weight=tensor(1, (3, 4), (4, 1))))
    for content in (b"", whole[:20], whole[:-1], outside, b"PK\x03\x04" + bytes(100)):
        with pytest.raises(ModelError):
            read_torch_tensors(content, "w.pth")
