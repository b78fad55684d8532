"""Read the spec of an artifact, and tell a whole and unaltered file from any other.

It exists apart from the classifier so that `eyespot info` needs no runtime, and apart from the spec so that
the rule for the version, a digest of the content, stands once: export writes by it, edge reads by it.
"""

import hashlib
from pathlib import Path

from edge.errors import ModelError
from edge.onnx_file import OnnxEnvelope, envelope_of, read_envelope
from edge.spec import ModelSpec, parse_spec

METADATA_KEY = "eyespot"
INPUT_NAME = "image"
SEAM_NAME = "network_input"
OUTPUT_NAME = "probabilities"
VERSION_DIGITS = 16


def content_version(file_digest: bytes, spec: ModelSpec) -> str:
    """Return the version of an artifact: a digest of its spec and of all else that stands in the file.

    `file_digest` is the SHA-256 of the file's bytes without the metadata entry that holds the spec.
    """
    digest = hashlib.sha256(file_digest + spec.without_version().to_json().encode())
    return digest.hexdigest()[:VERSION_DIGITS]


def read_spec(path: Path) -> ModelSpec:
    """Return the spec of the artifact at `path`, after checking that the file is what export wrote.

    Raises ModelNotFoundError, and ModelError for a file that is no ONNX model, is cut short, has no spec, has
    a spec of a newer format, or was altered after it was written.
    """
    return _checked_spec(read_envelope(path, METADATA_KEY), str(path))


def spec_of(content: bytes, source: str) -> ModelSpec:
    """Return the spec of the artifact whose bytes these are, checked as `read_spec` does; `source` names the file.

    It is for whoever goes on to use those very bytes, so that no other file can come between check and use.
    """
    return _checked_spec(envelope_of(content, METADATA_KEY, source), source)


def _checked_spec(envelope: OnnxEnvelope, source: str) -> ModelSpec:
    if envelope.metadata is None:
        raise ModelError(f"{source}: this ONNX model has no eyespot spec; write it with 'eyespot export'")
    spec = parse_spec(envelope.metadata, source)
    expected = content_version(envelope.digest, spec)
    if spec.version != expected:
        raise ModelError(
            f"{source}: the file was altered after it was written (it says version {spec.version}, "
            f"its content is {expected}); export it again"
        )
    return spec
