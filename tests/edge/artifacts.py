"""Artifacts that differ from the tiny one in a single thing, made with the onnx package and the exporter."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from msgspec.structs import replace
from onnx import helper

from edge.errors import ModelError
from edge.model import METADATA_KEY
from edge.spec import parse_spec
from export.writer import stamp


def refusal_by(read: Callable[[Path], object], path: Path) -> str:
    """The one line, less the path in front, that says why `read` takes the file for no artifact."""
    with pytest.raises(ModelError) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def without_entry(content: bytes) -> onnx.ModelProto:
    """The model as the onnx package reads it, less the metadata entry that holds the spec."""
    model = onnx.load_from_string(content)
    kept = [entry for entry in model.metadata_props if entry.key != METADATA_KEY]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    return model


def entry_of(content: bytes) -> str:
    """The spec, as JSON, as the onnx package reads it."""
    (text,) = (e.value for e in onnx.load_from_string(content).metadata_props if e.key == METADATA_KEY)
    return str(text)


def with_entry(content: bytes, text: str) -> bytes:
    """The artifact with another text where its spec was, and nothing else changed."""
    model = without_entry(content)
    model.metadata_props.add(key=METADATA_KEY, value=text)
    return model.SerializeToString()


def restamped(content: bytes, model: onnx.ModelProto | None = None, **changes: Any) -> bytes:
    """A valid artifact, of the right version, whose spec has other fields and that may hold another model."""
    spec = replace(parse_spec(entry_of(content), "the tiny artifact"), version=None, **changes)
    return stamp(model or without_entry(content), spec)[0]


def written(path: Path, content: bytes) -> Path:
    """The path, after giving it this content."""
    path.unlink(missing_ok=True)  # ext4 brings a file that is cut and written again to the disk at once: slow
    path.write_bytes(content)
    return path


def mixing(content: bytes) -> bytes:
    """The tiny model, but a picture's logits grow with how much brighter the brightest of its batch is."""
    model = without_entry(content)
    extra = [
        helper.make_node("ReduceMax", ["column"], ["brightest"], keepdims=0),
        helper.make_node("Sub", ["brightest", "column"], ["behind"]),
        helper.make_node("Exp", ["behind"], ["factor"]),
        helper.make_node("Mul", ["risen", "factor"], ["grown"]),
    ]
    for node in model.graph.node:
        node.input[:] = ["grown" if name == "risen" and node.op_type == "Add" else name for name in node.input]
    at = next(i for i, node in enumerate(model.graph.node) if node.op_type == "Add" and "grown" in node.input)
    nodes = [*model.graph.node[:at], *extra, *model.graph.node[at:]]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return restamped(content, model)


def single(content: bytes, rows: int = 1) -> bytes:
    """The tiny model, but its network reshapes to one row, as one that was exported for one picture does."""
    model = without_entry(content)
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([rows, 3]), "one row"))
    for node in model.graph.node:
        node.input[:] = ["row" if name == "logits" else name for name in node.input]
    at = next(i for i, node in enumerate(model.graph.node) if "row" in node.input)
    nodes = [
        *model.graph.node[:at],
        helper.make_node("Reshape", ["logits", "one row"], ["row"]),
        *model.graph.node[at:],
    ]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return restamped(content, model)
