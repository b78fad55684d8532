"""What is read of a file, and what is not; digests by hashlib on the same bytes."""

import hashlib
import os
import struct
import tracemalloc
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from edge.batch.content import HEAD_BYTES, read_content, read_file
from edge.decode import MAX_PIXELS, decode_image
from tests.edge.pictures import PNG_MAGIC, grey, noise, png, png_chunk

WIDE = PNG_MAGIC + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 65_535, 65_535, 8, 2, 0, 0, 0)) + png_chunk(b"IDAT")
WIDE += png_chunk(b"IEND")
LONG_TEXT = b"no picture " * (HEAD_BYTES // 8)


def deep_tiff() -> bytes:
    """A grey TIFF whose directory stands behind its pixels, as libtiff writes it: further in than the head."""
    side = 1200
    pixels = np.arange(side * side, dtype=np.uint8).tobytes()
    fields = [(256, side), (257, side), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, side)]
    fields.append((279, len(pixels)))
    directory = struct.pack("<H", len(fields)) + b"".join(struct.pack("<HHII", tag, 4, 1, n) for tag, n in fields)
    return b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + directory + bytes(4)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (grey(10), None),
        (grey(10) + bytes(3 * HEAD_BYTES), None),
        (deep_tiff(), None),
        (b"", "empty"),
        (b"no picture", "not_an_image"),
        (LONG_TEXT, "not_an_image"),
        (b"\xff\xd8\xff\xe0" + bytes(3 * HEAD_BYTES), "corrupt"),
        (WIDE, "too_many_pixels"),
    ],
    ids=["png", "long png", "tiff", "empty", "text", "long text", "jpeg of zeros", "wide"],
)
def test_the_digest_is_that_of_the_whole_file(content: bytes, code: str | None, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(content)
    found = read_file(str(tmp_path / "a"), MAX_PIXELS)
    assert (found.sha256, found.size_bytes) == (hashlib.sha256(content).hexdigest(), len(content))
    assert (found.error and found.error.code) == code
    assert found.encoded == (content if code is None else None)


def test_a_tiff_with_its_directory_at_the_end_is_decoded(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(deep_tiff())
    encoded = read_file(str(tmp_path / "a.tif"), MAX_PIXELS).encoded
    assert encoded is not None
    assert decode_image(encoded).pixels[0, :300, 0].tolist() == [i % 256 for i in range(300)]


def test_memory_is_taken_for_what_a_file_holds_and_not_for_what_it_may(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(grey(10) + bytes(3 * HEAD_BYTES))
    tracemalloc.start()
    assert read_file(str(tmp_path / "a.png"), MAX_PIXELS).error is None
    assert tracemalloc.get_traced_memory()[1] < 12 * HEAD_BYTES
    tracemalloc.stop()


def test_a_stream_that_holds_more_than_it_claims_is_refused() -> None:
    content = grey(10) + bytes(3 * HEAD_BYTES)
    assert read_content(BytesIO(content), len(content), MAX_PIXELS).encoded == content
    for claimed in (len(content) - 1, HEAD_BYTES - 1, 0):
        found = read_content(BytesIO(content), claimed, MAX_PIXELS)
        assert (found.error and found.error.code, found.encoded) == ("too_many_bytes", None)


@pytest.mark.parametrize("content", [png(noise(700, 700, 3)), deep_tiff()], ids=["png", "tiff"])
def test_a_file_is_not_copied_to_the_disk_to_look_for_its_header(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(content) > HEAD_BYTES
    (tmp_path / "a").write_bytes(content)
    copies: list[BytesIO] = []
    monkeypatch.setattr("edge.batch.content.TemporaryFile", lambda: copies.append(BytesIO()) or copies[-1])
    assert read_file(str(tmp_path / "a"), MAX_PIXELS).encoded == content
    assert not copies
    assert read_content(BytesIO(content), len(content), MAX_PIXELS).encoded == content  # of an archive, say
    assert copies


def test_what_is_too_large_to_be_an_image_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(grey(10))
    for size in (1 << 40, 70 << 20):
        os.truncate(tmp_path / "a.png", size)
        found = read_file(str(tmp_path / "a.png"), MAX_PIXELS)
        assert (found.size_bytes, found.sha256, found.error and found.error.code) == (size, None, "too_many_bytes")


def test_what_is_no_file_is_an_error_and_a_pipe_does_not_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    expected = {"pipe": "unreadable", "loop": "unreadable", ".": "unreadable", "none": "not_found", "a\0b": "not_found"}
    for name, code in expected.items():
        found = read_file(os.path.join(tmp_path, name), MAX_PIXELS)
        assert (found.error and found.error.code, found.size_bytes, found.sha256) == (code, None, None)
