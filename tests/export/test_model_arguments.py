"""Options of a model that does not say of itself what it needs."""

import argparse
from pathlib import Path

import pytest

from edge.errors import UsageError
from export.model_arguments import resolve_output, size


def test_a_size_is_height_and_width() -> None:
    assert size("8192x1") == (8192, 1)


@pytest.mark.parametrize("text", ["0x5", "00x224", "9000x9", "12", "1x2x3", "-1x4", "\u0663x4", ""])
def test_another_size_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="must be HEIGHTxWIDTH"):
        size(text)


def test_what_is_read_is_never_written(tmp_path: Path) -> None:
    model = tmp_path / "net.h5"
    assert resolve_output(str(model), "x.onnx", model) == model  # there is none yet
    model.write_bytes(b"the only copy")
    (tmp_path / "link.h5").symlink_to(model)
    for name in ("net.h5", "link.h5"):
        with pytest.raises(UsageError, match=f"{name} is what is read; --output must name another file"):
            resolve_output(str(tmp_path / name), "x.onnx", None, model)
    assert resolve_output(str(tmp_path / "x.onnx"), "y.onnx", model) == tmp_path / "x.onnx"


def test_what_stands_in_a_folder_that_is_read_is_never_written(tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    (folder / "variables").mkdir(parents=True)
    for name in ("saved_model.pb", "variables/variables.index", "exported.onnx"):
        (folder / name).write_bytes(b"the only copy")
    (tmp_path / "link").symlink_to(folder / "variables")
    for name in ("saved/saved_model.pb", "saved/variables/variables.index", "link/variables.index"):
        with pytest.raises(UsageError, match=f"{name} is what is read"):
            resolve_output(tmp_path / name, "x.onnx", folder)
    for name in ("saved/exported.onnx", "saved/new.pb"):
        assert resolve_output(tmp_path / name, "x.onnx", folder) == tmp_path / name
