"""What names lead to, and what is read of files; digests by hashlib on the same bytes."""

import hashlib
import os
import tracemalloc
from pathlib import Path

import pytest

from edge.batch.inputs import CHUNK_BYTES, find_inputs, read_chunks, read_file
from edge.errors import UsageError
from edge.image import MAX_PIXELS
from tests.edge.pictures import grey

LONG_TEXT = b"no picture " * (CHUNK_BYTES // 8)
UTF_16 = "grün.png\r\nb c.png\r\n".encode("utf-16")


def found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, column: str = "path", null: bool = False
) -> list[str]:
    """The paths in a list of this content."""
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(content)
    return [item.path for item in find_inputs([name], column, null, MAX_PIXELS)]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"a.png\r\n\r\n\nb c.png", ["a.png", "b c.png"]),
        (b"\xef\xbb\xbfa.png\n # no comment.png\n", ["a.png", " # no comment.png"]),
        (b"gr\xfcn.png\n", [os.fsdecode(b"gr\xfcn.png")]),
        (UTF_16, ["grün.png", "b c.png"]),
        ("grün.png\n".encode("utf-16-be").join([b"\xfe\xff", b""]), ["grün.png"]),
        ("\n".join(f"{'long ' * 50}{i}" for i in range(2_000)).encode(), [f"{'long ' * 50}{i}" for i in range(2_000)]),
    ],
    ids=["empty", "lines", "mark", "bytes", "utf-16", "utf-16-be", "long"],
)
def test_a_line_of_a_list_is_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, expected: list[str]
) -> None:
    assert found(tmp_path, monkeypatch, "list.txt", content) == expected


def test_names_that_end_with_nul_may_hold_new_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(tmp_path, monkeypatch, "l.lst", b"a\nb.png\0c\r\0\0d", null=True) == ["a\nb.png", "c\r", "d"]


def test_a_column_of_csv_holds_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = 'label,path\r\ncat,a.png\r\n"a ""dog""","b, c.png"\r\n\r\ncat\r\nx,grün.png\r\n'
    for encoded in (content.encode("utf-8-sig"), content.encode("utf-16")):
        assert found(tmp_path, monkeypatch, "l.csv", encoded) == ["a.png", "b, c.png", "", "grün.png"]
    assert found(tmp_path, monkeypatch, "l.csv", encoded, column="label")[0] == "cat"
    odd = b"path,path_bytes\r\ngr\\xfcn.png,6772fc6e2e706e67\r\n"  # as an output of a run has it
    assert found(tmp_path, monkeypatch, "l.csv", odd) == [os.fsdecode(b"gr\xfcn.png")]


@pytest.mark.parametrize(
    ("name", "content"),
    [("l.csv", b""), ("l.csv", b"a.png\n"), ("l.csv", "path\n".encode("utf-16-le")), ("l.txt", UTF_16[2:])],
)
def test_a_list_of_another_form_is_a_wrong_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes
) -> None:
    with pytest.raises(UsageError):
        found(tmp_path, monkeypatch, name, content)


@pytest.mark.parametrize("content", [grey(10), grey(10) + bytes(3 * CHUNK_BYTES)], ids=["png", "long png"])
def test_the_digest_is_that_of_the_whole_file(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(content)
    item = read_file(str(tmp_path / "a"), MAX_PIXELS)
    assert (item.sha256, item.size_bytes) == (hashlib.sha256(content).hexdigest(), len(content))
    assert (item.encoded, item.error) == (content, None)


def test_a_large_file_that_is_no_image_is_not_read_on(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(LONG_TEXT)
    item = read_file(str(tmp_path / "a"), MAX_PIXELS)
    assert (item.encoded, item.sha256, item.size_bytes) == (None, None, len(LONG_TEXT))
    assert item.error
    assert item.error.code == "not_an_image"


def test_what_holds_more_than_it_claims_or_than_an_image_can_is_not_read_on(tmp_path: Path) -> None:
    content = grey(10) + bytes(3 * CHUNK_BYTES)
    assert read_chunks("a", [content], len(content), MAX_PIXELS).encoded == content
    assert read_chunks("a", [content], len(content) - 1, MAX_PIXELS).error is not None
    (tmp_path / "a.png").write_bytes(grey(10))
    tracemalloc.start()
    for size in (1 << 40, 70 << 20):
        os.truncate(tmp_path / "a.png", size)
        item = read_file(str(tmp_path / "a.png"), MAX_PIXELS)
        assert (item.size_bytes, item.sha256, item.error and item.error.code) == (size, None, "too_many_bytes")
    assert tracemalloc.get_traced_memory()[1] < 12 * CHUNK_BYTES
    tracemalloc.stop()
