"""What stands around the graph, against what the onnx package reads."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge.errors import ModelNotFoundError
from edge.onnx_file import read_envelope
from tests.edge.artifacts import entry_of, refusal_by, with_entry, without_entry, written

# Prints by how many MiB reading the file at sys.argv[1] has raised the most memory that the process ever had;
# ru_maxrss would start with what the process had that started this one.
MEASURE = """
import re, sys
from pathlib import Path
from edge.onnx_file import read_envelope

def peak_mib():
    return int(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1]) / 1024

before = peak_mib()
read_envelope(Path(sys.argv[1]), "eyespot")
print(peak_mib() - before)
"""


def plain_model(weights: int = 4, **metadata: str) -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "w"], ["y"])],
        "plain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", weights])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", weights])],
        [numpy_helper.from_array(np.arange(weights, dtype=np.float32), "w")],
    )
    model = helper.make_model(graph, producer_name="a test", doc_string="not one of ours")
    helper.set_model_props(model, metadata)
    return model


def refusal(path: Path) -> str:
    return refusal_by(lambda path: read_envelope(path, "eyespot"), path)


def test_the_metadata_is_what_the_onnx_package_reads(tiny_model: Path) -> None:
    (expected,) = (e.value for e in onnx.load(tiny_model).metadata_props if e.key == "eyespot")
    assert read_envelope(tiny_model, "eyespot").metadata == expected


@pytest.mark.parametrize("key", ["author", "labels", "kürzel", ""])
def test_any_entry_is_found_by_its_key(tmp_path: Path, key: str) -> None:
    metadata = {"author": "Maß", "labels": "x" * 100_000, "kürzel": "猫", "": "no key"}
    path = written(tmp_path / "m.onnx", plain_model(**metadata).SerializeToString())
    assert read_envelope(path, key).metadata == metadata[key]


def test_a_model_without_the_entry_has_none(tmp_path: Path) -> None:
    path = written(tmp_path / "m.onnx", plain_model(author="someone").SerializeToString())
    assert read_envelope(path, "eyespot").metadata is None


def test_the_digest_is_that_of_all_else_in_the_file(tiny_model: Path, tiny_content: bytes) -> None:
    rest = without_entry(tiny_content).SerializeToString(deterministic=True)
    assert read_envelope(tiny_model, "eyespot").digest == hashlib.sha256(rest).digest()
    written(tiny_model, with_entry(tiny_content, "another text"))
    assert read_envelope(tiny_model, "eyespot").digest == hashlib.sha256(rest).digest()


def test_other_metadata_belongs_to_the_digest(tmp_path: Path) -> None:
    digests = {
        read_envelope(written(tmp_path / "m.onnx", plain_model(author=author).SerializeToString()), "eyespot").digest
        for author in ("one", "two")
    }
    assert len(digests) == 2


@pytest.mark.parametrize("first", ["a second spec", ""])
def test_two_entries_under_one_key_are_refused(tiny_model: Path, tiny_content: bytes, first: str) -> None:
    model = without_entry(tiny_content)
    model.metadata_props.add(key="eyespot", value=first)
    model.metadata_props.add(key="eyespot", value=entry_of(tiny_content))
    # Which of them counts differs between readers, and what does not count would be in no digest.
    refusal(written(tiny_model, model.SerializeToString()))


def test_a_file_cut_short_inside_a_field_is_refused(tiny_content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cut.onnx"
    body = without_entry(tiny_content).SerializeToString(deterministic=True)
    graph = without_entry(tiny_content).graph.SerializeToString(deterministic=True)
    graph_ends = body.index(graph) + len(graph)
    for length in (*range(body.index(graph), graph_ends), *range(len(body) + 1, len(tiny_content))):
        refusal(written(path, tiny_content[:length]))


def test_how_much_is_missing_is_said(tiny_content: bytes, tmp_path: Path) -> None:
    path = written(tmp_path / "cut.onnx", tiny_content[:-1000])
    assert refusal(path) == "the file is cut short, 1,000 bytes are missing; copy it again"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello, I am a text\n",
        b"a text",  # as protobuf, a field of eight bytes that no model has
        b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"PK\x03\x04\x14\0\0\0\0\0 a .keras file is a zip",
        b"\x89HDF\r\n\x1a\n\0\0\0\0",
        b"GIF89a\1\0\1\0",
        bytes(5000),
        b"\xff" * 5000,
        helper.make_model(helper.make_graph([], "g", [], [])).graph.SerializeToString(),
        np.random.default_rng(3).bytes(5000),
    ],
    ids=["empty", "text", "short-text", "jpeg", "png", "zip", "hdf5", "gif", "zeros", "ones", "graph", "noise"],
)
def test_what_is_no_onnx_model_is_refused(tmp_path: Path, content: bytes) -> None:
    assert refusal(written(tmp_path / "m.onnx", content)) == "this is not an ONNX model"


def test_metadata_that_is_no_text_is_refused(tmp_path: Path) -> None:
    entry = b"\x0a\x07eyespot\x12\x02\xff\xfe"
    content = plain_model().SerializeToString() + b"\x72" + bytes([len(entry)]) + entry
    assert refusal(written(tmp_path / "m.onnx", content)) == "its metadata is not UTF-8 text"


def test_metadata_of_gigabytes_is_refused_without_reading_it(tmp_path: Path) -> None:
    path = written(tmp_path / "m.onnx", plain_model().SerializeToString() + b"\x72\xff\xff\xff\xff\x07")
    os.truncate(path, path.stat().st_size + (1 << 31) - 1)
    assert refusal(path) == "its metadata is larger than 64 MiB"


def test_memory_does_not_grow_with_the_weights(tmp_path: Path) -> None:
    weights = 256 << 20
    field = b"\x3a" + bytes([weights >> shift & 127 | 128 for shift in (0, 7, 14, 21)]) + bytes([weights >> 28])
    path = written(tmp_path / "large.onnx", plain_model().SerializeToString() + field)
    os.truncate(path, path.stat().st_size + weights)
    done = subprocess.run([sys.executable, "-c", MEASURE, path], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 32


def test_names_that_lead_to_no_file_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"m\.onnx: there is no such model file$"):
        read_envelope(tmp_path / "m.onnx", "eyespot")
    with pytest.raises(ModelNotFoundError, match="no file can have this name"):
        read_envelope(Path("a\0b.onnx"), "eyespot")
    assert refusal(tmp_path) == "this is not a file"
    os.mkfifo(tmp_path / "pipe.onnx")
    assert refusal(tmp_path / "pipe.onnx") == "this is not a file"
    (tmp_path / "loop.onnx").symlink_to(tmp_path / "loop.onnx")
    assert refusal(tmp_path / "loop.onnx").startswith("the model cannot be read (")
