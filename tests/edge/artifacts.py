"""Artifacts that differ from the tiny one in a single thing, made with the onnx package and the exporter."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx

from edge.artifact import METADATA_KEY
from edge.spec import parse_spec
from export.writer import stamp


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
