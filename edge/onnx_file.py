"""Read what stands around the graph of an .onnx file, without the onnx package and without the weights.

It exists because a device has no onnx package, and because a truncated or altered file must be told from a
good one before a runtime is asked to run it. An .onnx file is one protobuf `ModelProto`
(https://github.com/onnx/onnx/blob/main/onnx/onnx.proto): a flat run of tagged fields. Only those are walked.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from edge.errors import ModelError, ModelNotFoundError
from edge.protobuf import TAG_BYTES, read_tag

# Field numbers of ModelProto, and of StringStringEntryProto inside metadata_props.
GRAPH = 7
METADATA_PROPS = 14
ENTRY_KEY = 1
ENTRY_VALUE = 2

MODEL_FIELDS = frozenset({1, 2, 3, 4, 5, 6, GRAPH, 8, METADATA_PROPS, 20, 25, 26})

LARGEST_METADATA_BYTES = 64 << 20
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Field:
    """One top-level field: its number, and the offsets of its tag, its payload and its end."""

    number: int
    start: int
    payload: int
    end: int


@dataclass(frozen=True)
class OnnxEnvelope:
    """The metadata of a model file under one key, and a digest of everything else in the file."""

    metadata: str | None
    digest: bytes


def read_envelope(path: Path, key: str) -> OnnxEnvelope:
    """Return the metadata that `path` holds under `key`, and the SHA-256 of the rest of the file.

    Reads in pieces, so memory does not grow with the weights. Raises ModelNotFoundError if there is no such
    file, and ModelError if it cannot be read, is cut short or is not an ONNX model.
    """
    with _opened(path) as file:
        return _read_envelope(file, key, str(path))


def read_model(path: Path) -> bytes:
    """Return all bytes of a model file. Raises ModelNotFoundError, or ModelError where it cannot be read."""
    with _opened(path) as file:
        return file.read()


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        if path.exists() and not path.is_file():
            raise ModelError(f"{path}: this is not a file")
        with path.open("rb") as file:
            yield file
    except FileNotFoundError:
        raise ModelNotFoundError(f"{path}: there is no such model file") from None
    except OSError as error:
        raise ModelError(f"{path}: the model cannot be read ({error.strerror})") from None
    except ValueError as error:
        if isinstance(error, ModelError):
            raise
        raise ModelNotFoundError(f"{str(path)!r}: no file can have this name ({error})") from None


def envelope_of(content: bytes, key: str, name: str) -> OnnxEnvelope:
    """Return the same of a file that is in memory; `name` stands in messages. Raises ModelError as `read_envelope`."""
    return _read_envelope(BytesIO(content), key, name)


def _read_envelope(file: BinaryIO, key: str, name: str) -> OnnxEnvelope:
    size = file.seek(0, 2)
    digest = hashlib.sha256()
    found: str | None = None
    has_graph = False
    for field in _walk(file, 0, size, name, MODEL_FIELDS):
        has_graph = has_graph or field.number == GRAPH
        entry = _read_entry(file, field, name) if field.number == METADATA_PROPS else None
        if entry is not None and entry[0] == key:
            if found is not None:
                raise ModelError(f"{name}: it has two entries {key!r} in its metadata")
            found = entry[1]
        else:
            _update(digest, file, field)
    if not has_graph:
        raise _not_onnx(name)
    return OnnxEnvelope(found, digest.digest())


def _not_onnx(name: str) -> ModelError:
    return ModelError(f"{name}: this is not an ONNX model")


def _walk(file: BinaryIO, start: int, end: int, name: str, known: frozenset[int] | None = None) -> Iterator[Field]:
    position = start
    while position < end:
        file.seek(position)
        try:
            number, _, payload, length = read_tag(file.read(min(TAG_BYTES, end - position)), 0)
        except EOFError:
            raise ModelError(f"{name}: the file is cut short; copy it again") from None
        except ValueError:
            raise _not_onnx(name) from None
        if known and number not in known:
            raise _not_onnx(name)
        field = Field(number, position, position + payload, position + payload + length)
        if field.end > end:
            missing = field.end - end
            raise ModelError(f"{name}: the file is cut short, {missing:,} bytes are missing; copy it again")
        yield field
        position = field.end


def _read_entry(file: BinaryIO, field: Field, name: str) -> tuple[str, str]:
    if field.end - field.payload > LARGEST_METADATA_BYTES:
        raise ModelError(f"{name}: its metadata is larger than {LARGEST_METADATA_BYTES >> 20} MiB")
    texts = {ENTRY_KEY: "", ENTRY_VALUE: ""}
    for part in _walk(file, field.payload, field.end, name):
        file.seek(part.payload)
        try:
            texts[part.number] = file.read(part.end - part.payload).decode()
        except UnicodeDecodeError:
            raise ModelError(f"{name}: its metadata is not UTF-8 text") from None
    return texts[ENTRY_KEY], texts[ENTRY_VALUE]


def _update(digest: "hashlib._Hash", file: BinaryIO, field: Field) -> None:
    file.seek(field.start)
    left = field.end - field.start
    while left > 0:
        chunk = file.read(min(CHUNK_BYTES, left))
        digest.update(chunk)
        left -= len(chunk) or left
