"""The model file: read it, check that it is unaltered since its export, and make the session that runs it."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from msgspec.structs import replace

from edge.errors import ModelError, ModelNotFoundError
from edge.runtime import create_session
from edge.spec import ModelSpec, parse_spec

METADATA_KEY = "eyespot"
INPUT_NAME = "image"
NETWORK_INPUT_NAME = "network_input"
OUTPUT_NAME = "probabilities"
VERSION_DIGITS = 16


def content_version(rest_digest: bytes, spec: ModelSpec) -> str:
    """Return the version of an artifact: a digest of its spec, and of the SHA-256 of all other bytes in the file."""
    return hashlib.sha256(rest_digest + replace(spec, version=None).to_json().encode()).hexdigest()[:VERSION_DIGITS]


def load_model(path: Path, threads: int = 0) -> tuple[ModelSpec, Any]:
    """Return the spec of the artifact at `path` and an onnxruntime session on the CPU; see `create_session`.

    Raises ModelNotFoundError, InstallationError, and ModelError for a file that is no artifact or was altered.
    """
    with _opened_model(path) as file:
        session = create_session(path, str(path), threads)
        # Only now, when onnxruntime has freed what it read: a device has no memory for both.
        spec = _checked_spec(session, file.read(), str(path))
    _require_signature(session, spec, str(path))
    return spec, session


def read_spec(path: Path) -> ModelSpec:
    """Return the spec of the artifact at `path`. Raises as `load_model`."""
    return spec_of(read_model(path), str(path))


def spec_of(content: bytes, source: str) -> ModelSpec:
    """Return the spec of the artifact whose bytes these are; `source` names it in messages. Raises as `load_model`."""
    return _checked_spec(create_session(content, source, 1, optimise=False), content, source)


def read_model(path: Path) -> bytes:
    """Return all bytes of a model file. Raises ModelNotFoundError, or ModelError where it cannot be read."""
    with _opened_model(path) as file:
        return file.read()


@contextmanager
def _opened_model(path: Path) -> Iterator[BinaryIO]:
    """Yield the file at `path`. Raises as `read_model`, also for an error while it is read in the block."""
    try:
        if path.exists() and not path.is_file():
            run = (path / "spec.json").is_file()
            remedy = f"this is the run of a training; export it first: eyespot export {path}" if run else "this is none"
            raise ModelError(f"{path}: MODEL is an .onnx file, {remedy}")
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


def _checked_spec(session: Any, content: bytes, source: str) -> ModelSpec:
    """Return the spec in the metadata of `session`. Raises ModelError unless it belongs to exactly this `content`."""
    try:
        text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    except UnicodeDecodeError:
        raise ModelError(f"{source}: its metadata is not UTF-8; the file is damaged, copy it again") from None
    if text is None:
        raise ModelError(f"{source}: this ONNX model has no eyespot spec; give it one with 'eyespot adopt'")
    spec = parse_spec(text, source)
    entry, rest = _metadata_entry(METADATA_KEY, text), memoryview(content)
    place = max(content.find(entry), 0)  # where it is not found, the digest is another
    digest = hashlib.sha256(rest[:place])
    digest.update(rest[place + len(entry) :])
    expected = content_version(digest.digest(), spec)
    if spec.version != expected:
        raise ModelError(
            f"{source}: the file was altered after it was written (it says version {spec.version}, "
            f"its content is {expected}); export it again"
        )
    return spec


def _metadata_entry(key: str, value: str) -> bytes:
    """Return a metadata entry as protobuf writes it: field 14 of ModelProto, a message of a key (1) and a value (2)."""
    return _protobuf_field(14, _protobuf_field(1, key.encode()) + _protobuf_field(2, value.encode()))


def _protobuf_field(field: int, content: bytes) -> bytes:
    length, rest = bytearray(), len(content)
    while rest > 0x7F:
        length.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([field << 3 | 2, *length, rest]) + content


def _require_signature(session: Any, spec: ModelSpec, name: str) -> None:
    """Raise ModelError unless the session takes pictures, and gives a probability for each label."""
    inputs = [(i.name, i.type, len(i.shape), (i.shape or [None])[-1]) for i in session.get_inputs()]
    outputs = {o.name: o.shape for o in session.get_outputs()}
    if inputs != [(INPUT_NAME, "tensor(uint8)", 4, 3)]:
        raise ModelError(f"{name}: the input must be {INPUT_NAME!r}, uint8 [N, H, W, 3]. Received: {inputs}")
    classes = (outputs.get(OUTPUT_NAME) or [None])[-1]
    if classes != len(spec.labels):
        raise ModelError(f"{name}: it has {classes} {OUTPUT_NAME} for {len(spec.labels)} labels")
