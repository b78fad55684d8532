"""xz files that Python's lzma wrote: in pieces, one behind the other, damaged, and greedy."""

import lzma
import tarfile
from pathlib import Path

import numpy as np
import pytest

from edge.batch.archives import read_archive
from edge.batch.xz_stream import open_xz

CONTENT = np.random.default_rng(0).integers(0, 4, 300_000, np.uint8).tobytes()
PADDING = bytes(8)


@pytest.mark.parametrize(
    ("packed", "content"),
    [
        (lzma.compress(CONTENT), CONTENT),
        (lzma.compress(CONTENT) + PADDING + lzma.compress(b"more") + PADDING * 20_000, CONTENT + b"more"),
        (lzma.compress(CONTENT) + b"no xz", CONTENT),
        (lzma.compress(b""), b""),
        (lzma.compress(b"") + lzma.compress(CONTENT), CONTENT),
    ],
    ids=["one", "padded", "followed", "empty", "two"],
)
def test_all_streams_are_read_in_pieces_of_any_size(tmp_path: Path, packed: bytes, content: bytes) -> None:
    (tmp_path / "a.xz").write_bytes(packed)
    with open_xz(str(tmp_path / "a.xz")) as stream:
        assert [stream.read(size) for size in (1, 70_000)] == [content[:1], content[1:70_001]]
        assert stream.read() == content[70_001:]


@pytest.mark.parametrize("end", [5, 100, -1])
def test_one_that_is_cut_short_is_an_error(tmp_path: Path, end: int) -> None:
    (tmp_path / "a.xz").write_bytes(lzma.compress(CONTENT)[:end])
    with open_xz(str(tmp_path / "a.xz")) as stream, pytest.raises(EOFError):
        stream.read()


def test_a_dictionary_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    greedy = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 256 << 20}]
    with (
        lzma.open(tmp_path / "a.tar.xz", "wb", filters=greedy) as file,
        tarfile.open(fileobj=file, mode="w") as archive,
    ):
        archive.addfile(tarfile.TarInfo("a.png"))
    ((name, content),) = read_archive(str(tmp_path / "a.tar.xz"), 1_000_000)
    assert (name, content.error and content.error.code) == (str(tmp_path / "a.tar.xz"), "corrupt")
    assert str(content.error) == "the archive is cut short or damaged (Memory usage limit exceeded)"
