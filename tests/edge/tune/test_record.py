"""What is remembered: written whole, found again here only, and ignored in one line where it is broken or foreign."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from edge.artifact import read_spec
from edge.processor import read_cpu
from edge.tune.record import Record, find_record, forget, recall, record_path, remember
from tests.edge.tune.networks import pair, record


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EYESPOT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def found(tmp_path: Path, tiny_content: bytes) -> Record:
    m, m8 = pair(tmp_path, tiny_content)
    return record(m8, m)


def test_it_is_found_again_until_it_is_forgotten(found: Record, cache: Path) -> None:
    said: list[str] = []
    assert find_record(found.network, said.append) is None
    path = remember(found)
    assert os.listdir(cache / "tuned") == [path.name]
    assert json.loads(path.read_text())["one"]["path"] == found.one.path
    assert find_record(found.network, said.append) == found
    assert (forget(found.network), forget(found.network)) == (True, False)
    assert find_record(found.network, said.append) is None
    assert said == []


def test_it_holds_for_the_files_that_were_measured(found: Record, tmp_path: Path) -> None:
    remember(found)
    spec = read_spec(tmp_path / "m.onnx")
    assert recall(spec, print, many=False) == found.one
    assert recall(spec, print, many=True) == found.many
    assert recall(replace(spec, version="written later"), print, many=True) is None


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"format": 1}'],
    ids=["empty", "cut", "list", "null", "bytes", "deep", "lacking"],
)
def test_a_broken_one_is_one_line(found: Record, content: bytes) -> None:
    path = remember(found)
    path.write_bytes(content)
    said: list[str] = []
    assert find_record(found.network, said.append) is None
    (line,) = said
    assert line.startswith(f"{path}: what 'eyespot tune' remembered cannot be used (")
    assert line.endswith("tune again, or remove the file")
    assert "\n" not in line


@pytest.mark.parametrize(
    "change", [{"network": "other"}, {"processor": "other"}, {"cores": 99}, {"format": 2}], ids=str
)
def test_so_is_one_of_another_device_or_format(found: Record, change: dict[str, object]) -> None:
    path = remember(found)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    said: list[str] = []
    assert find_record(found.network, said.append) is None
    assert len(said) == 1


def test_a_record_that_may_not_be_read_is_one_line(found: Record) -> None:
    remember(found)
    path = record_path(found.network)
    path.unlink()
    path.mkdir()
    said: list[str] = []
    assert find_record(found.network, said.append) is None
    assert "Is a directory" in said[0]


def test_another_processor_has_a_record_of_its_own(found: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    path = remember(found)
    monkeypatch.setattr("edge.tune.record.read_cpu", lambda: ("Cortex-A72", read_cpu()[1]))
    assert record_path(found.network) != path
    assert find_record(found.network, print) is None
