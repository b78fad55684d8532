"""What is an artifact and what is not: one line says why, and no changed byte goes unnoticed."""

import hashlib
import json
import os
import random
from pathlib import Path

import pytest

from edge.errors import ModelError, ModelNotFoundError
from edge.model import read_spec
from edge.spec import ModelSpec
from tests.edge.artifacts import entry_of, refusal_by, with_entry, without_entry, written


def refusal(path: Path) -> str:
    return refusal_by(read_spec, path)


def spec_or_error(path: Path) -> ModelSpec | ModelError:
    try:
        return read_spec(path)
    except ModelError as error:
        return error


def test_the_spec_is_what_stands_in_the_metadata(tiny_model: Path, tiny_content: bytes) -> None:
    spec = read_spec(tiny_model)
    assert json.loads(spec.to_json()) == json.loads(entry_of(tiny_content))
    assert spec.labels == ("dark", "middle", "bright")


def test_the_version_is_the_start_of_a_digest_of_everything(tiny_model: Path, tiny_content: bytes) -> None:
    rest = hashlib.sha256(without_entry(tiny_content).SerializeToString(deterministic=True)).digest()
    spec = json.loads(entry_of(tiny_content)) | {"version": None}
    canonical = json.dumps(spec, sort_keys=True, separators=(",", ":")).encode()
    assert read_spec(tiny_model).version == hashlib.sha256(rest + canonical).hexdigest()[:16]


def test_a_plain_model_has_no_spec(tiny_model: Path, tiny_content: bytes) -> None:
    written(tiny_model, without_entry(tiny_content).SerializeToString())
    assert "no eyespot spec" in refusal(tiny_model)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"format": 2, "gaze": "left"},
        {"format": 0},
        {"gaze": "left"},
        {"labels": ["dark", "bright", "middle"]},
        {"name": "other"},
        {"version": "0123456789abcdef"},
        {"version": None},
    ],
    ids=str,
)
def test_tampered_metadata_is_noticed(tiny_model: Path, tiny_content: bytes, change: dict[str, object]) -> None:
    refusal(written(tiny_model, with_entry(tiny_content, json.dumps(json.loads(entry_of(tiny_content)) | change))))


# Of every byte in turn in 'make test'; 'make check' takes a sample.
EVERY = pytest.mark.parametrize("step", [17, pytest.param(1, marks=pytest.mark.slow)])


@EVERY
def test_a_changed_byte_is_noticed_anywhere(tiny_model: Path, tiny_content: bytes, step: int) -> None:
    expected = read_spec(tiny_model)
    noticed = 0
    places = range(0, len(tiny_content), step)
    for at in places:
        changed = bytearray(tiny_content)
        changed[at] ^= 1 << at % 8
        found = spec_or_error(written(tiny_model, bytes(changed)))
        # The last digit of a number may change and leave the number as it is.
        assert isinstance(found, ModelError) or found == expected
        noticed += isinstance(found, ModelError)
    assert noticed >= 0.99 * len(places)


@EVERY
def test_a_file_cut_short_anywhere_is_refused(tiny_model: Path, tiny_content: bytes, step: int) -> None:
    for length in range(0, len(tiny_content), step):
        refusal(written(tiny_model, tiny_content[:length]))


def test_more_bytes_behind_the_end_are_refused(tiny_model: Path, tiny_content: bytes) -> None:
    empty_field = b"\x9a\x06\x00"  # number 99, which protobuf skips: the digest alone tells
    for more in (b"\0", b"x", b"\n", tiny_content[:40], tiny_content, empty_field):
        refusal(written(tiny_model, tiny_content + more))


@EVERY
def test_nothing_but_a_model_error_ever_comes_out(tiny_model: Path, tiny_content: bytes, step: int) -> None:
    chance = random.Random(1)
    for _ in range(0, 2000, step):
        changed = bytearray(tiny_content)
        for _ in range(chance.choice((2, 4, 16))):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        start = chance.randrange(len(changed))
        del changed[start : start + chance.choice((0, 1, 50))]
        refusal(written(tiny_model, bytes(changed)))


def test_two_entries_under_one_key_are_refused(tiny_model: Path, tiny_content: bytes) -> None:
    # Which of them counts differs between readers, and what does not count would be in no digest.
    for first in ("a second spec", ""):
        model = without_entry(tiny_content)
        model.metadata_props.add(key="eyespot", value=first)
        model.metadata_props.add(key="eyespot", value=entry_of(tiny_content))
        refusal(written(tiny_model, model.SerializeToString()))


def test_what_leads_to_no_file_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError):
        read_spec(Path("a\0b.onnx"))
    os.mkfifo(tmp_path / "pipe.onnx")
    (tmp_path / "loop.onnx").symlink_to(tmp_path / "loop.onnx")
    for name in (".", "pipe.onnx", "loop.onnx"):
        refusal(tmp_path / name)


def test_the_folder_of_a_run_is_to_be_exported_first(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text("{}")
    assert f"eyespot export {tmp_path}" in refusal(tmp_path)
