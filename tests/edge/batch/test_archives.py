"""Archives made by Python's own modules, whole, broken and hostile."""

import gzip
import hashlib
import io
import os
import struct
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from edge.batch.archives import read_archive
from edge.decode import MAX_PIXELS
from tests.edge.pictures import grey

MEMBERS = {
    "b.png": grey(10),
    "deep/er/a.JPG": grey(20),
    "notes.txt": b"a text",
    "__MACOSX/._b.png": b"hidden",
    ".cache/c.png": grey(30),
    "../../etc/passwd.png": grey(40),
    "/absolute.png": grey(50),
    "inner.zip": b"an archive",
    "inner.tar.gz": b"another",
    "text.png": b"no picture",
    "z.png": grey(60),
}
EXPECTED = [
    ("b.png", None),
    ("deep/er/a.JPG", None),
    ("../../etc/passwd.png", None),
    ("/absolute.png", None),
    ("inner.zip", "unsupported_format"),
    ("inner.tar.gz", "unsupported_format"),
    ("text.png", "not_an_image"),
    ("z.png", None),
]


def make(path: Path, members: dict[str, bytes]) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
    else:
        kind = {".gz": "gz", ".tgz": "gz", ".bz2": "bz2", ".xz": "xz"}.get(path.suffix, "")
        with tarfile.open(path, f"w:{kind}") as archive:
            for name, content in members.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return path


def codes(path: Path) -> list[tuple[str, str | None]]:
    found = read_archive(str(path), MAX_PIXELS)
    return [(name.removeprefix(f"{path}!/"), content.error and content.error.code) for name, content in found]


ENDINGS = ["zip", "tar", "tar.gz", "tgz", "tar.bz2", "tar.xz"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_images_come_in_order_and_nothing_is_written(tmp_path: Path, ending: str) -> None:
    path = make(tmp_path / f"a.{ending}", MEMBERS)
    assert codes(path) == EXPECTED
    for name, content in read_archive(str(path), MAX_PIXELS):
        whole = MEMBERS[name.removeprefix(f"{path}!/")]
        if content.error is None:
            assert (content.encoded, content.size_bytes) == (whole, len(whole))
        if content.error is None or content.error.code == "not_an_image":
            assert content.sha256 == hashlib.sha256(whole).hexdigest()
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_archive_that_is_cut_short_is_an_error_after_what_came_before(tmp_path: Path, ending: str) -> None:
    pictures = {f"{i}.png": grey(i) for i in range(40)}
    whole = make(tmp_path / f"a.{ending}", pictures).read_bytes()
    path = tmp_path / f"cut.{ending}"
    path.write_bytes(whole[: len(whole) // 2])
    *before, last = codes(path)
    assert before == [(name, None) for name in pictures][: len(before)]
    assert last == (str(path), "corrupt")


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_no_archive_or_holds_no_images_is_one_error(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    path.write_bytes(b"I am a text" * 100)
    assert codes(path) == [(str(path), "corrupt")]
    assert codes(make(path, {"notes.txt": b"a text"})) == [(str(path), "not_found")]
    assert codes(tmp_path / f"none.{ending}") == [(str(tmp_path / f"none.{ending}"), "unreadable")]


def test_a_damaged_or_encrypted_member_leaves_the_others_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("1.png", "2.png", "3.png", "4.png"):
            archive.writestr(name, grey(int(name[0])))
    content = bytearray(path.read_bytes())
    content[content.index(b"IDAT", content.index(b"2.png"))] ^= 1  # the checksum of the member does not match
    central = content.index(b"PK\1\2", content.index(b"PK\1\2") + 1)
    third = content.index(b"PK\1\2", central + 1)
    content[third + 8] |= 1  # bit 0 of the flags: encrypted (APPNOTE 4.4.4)
    content[content.index(b"3.png") - 30 + 6] |= 1
    path.write_bytes(content)
    assert codes(path) == [("1.png", None), ("2.png", "corrupt"), ("3.png", "unreadable"), ("4.png", None)]


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_whose_packed_data_is_damaged_leaves_the_others_alone(tmp_path: Path, method: int) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("1.png", grey(10))
        archive.writestr("2.png", grey(20))
    content = bytearray(path.read_bytes())
    place = content.index(b"1.png") + len("1.png")
    content[place : place + 20] = b"\xff" * 20
    path.write_bytes(content)
    assert codes(path) == [("1.png", "corrupt"), ("2.png", None)]


def test_a_name_that_is_no_utf_8_though_it_says_so_is_its_bytes(tmp_path: Path) -> None:
    content = make(tmp_path / "a.zip", {"gr\xfcn.png": grey(10), "z.png": grey(20)}).read_bytes()
    (tmp_path / "a.zip").write_bytes(content.replace("\xfc".encode(), b"\xfc\xff"))
    (name, code), last = codes(tmp_path / "a.zip")
    assert (os.fsencode(name), code, last) == (b"gr\xfc\xffn.png", None, ("z.png", None))


def test_links_and_devices_in_a_tar_are_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        link = tarfile.TarInfo("link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        device = tarfile.TarInfo("device.png")
        device.type = tarfile.CHRTYPE
        archive.addfile(device)
    assert codes(path) == [("link.png", "unreadable"), ("device.png", "unreadable")]


def zeros_as_png(size: int) -> bytes:
    """A file that begins as a PNG of 9 x 11 pixels and goes on with zeros."""
    return grey(10) + bytes(size)


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["zip", "tar.gz"])
def test_a_bomb_costs_neither_memory_nor_the_rest(tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("edge.decode", "edge.batch.content"):  # as if metadata could take 16 MB, not 64: a faster test
        monkeypatch.setattr(f"{module}.METADATA_BYTES", 16 << 20)
    bomb = 40 << 20
    path = make(
        tmp_path / f"a.{ending}", {"zeros.png": bytes(bomb), "claims.png": zeros_as_png(bomb), "z.png": grey(10)}
    )
    assert path.stat().st_size < 200_000
    tracemalloc.start()
    assert codes(path) == [("zeros.png", "not_an_image"), ("claims.png", "too_many_bytes"), ("z.png", None)]
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


def header(kind: bytes, size: int, **fields: str) -> tarfile.TarInfo:
    """A header of a tar as tarfile writes it, of a kind that goes before the header of a file."""
    member = tarfile.TarInfo(fields.get("name", "long"))
    member.type, member.size = kind, size
    return member


def sparse(blocks: int) -> bytes:
    """A file with holes as GNU tar writes it (tar.h, oldgnu_header): its map goes on in so many blocks."""
    first = bytearray(header(tarfile.GNUTYPE_SPARSE, 0).tobuf(tarfile.GNU_FORMAT))
    first[482] = 1
    first[148:156] = b"%06o\0 " % (sum(first[:148]) + sum(first[156:]) + 8 * ord(" "))
    block = (b"%011o\0" % 1) * 42 + b"\1" + bytes(7)
    return bytes(first) + block * blocks


LONG = 24 << 20


@pytest.mark.parametrize(
    "content",
    [
        *(header(kind, LONG).tobuf(tarfile.GNU_FORMAT) + b"a" * LONG for kind in (b"L", b"K", b"x", b"g", b"X")),
        sparse(LONG // 512),
        sparse(1)[:700],
        header(b"L", 0).tobuf(tarfile.GNU_FORMAT) * 2000,
    ],
    ids=["name", "link", "pax", "global", "solaris", "holes", "holes cut short", "names of names"],
)
def test_a_header_costs_little_memory_however_long_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(make(tmp_path / "b.tar", {"a.png": grey(10)}).read_bytes()[:1024] + content, 1))
    tracemalloc.start()
    assert codes(path) == [("a.png", None), (str(path), "corrupt")]
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("kind", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_name_as_long_as_linux_has_them_is_read(tmp_path: Path, kind: int) -> None:
    name = "/".join(["folder" * 30] * 22) + "/a.png"
    with tarfile.open(tmp_path / "a.tar", "w", format=kind) as archive:
        archive.addfile(header(tarfile.REGTYPE, len(grey(10)), name=name), io.BytesIO(grey(10)))
    assert codes(tmp_path / "a.tar") == [(name, None)]


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_that_unpacks_to_more_than_it_claims_costs_little_memory(tmp_path: Path, method: int) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("a.png", bytes(LONG))
        archive.writestr("b.png", grey(10))
    path.write_bytes(path.read_bytes().replace(struct.pack("<I", LONG), struct.pack("<I", 1000)))
    tracemalloc.start()
    assert codes(path) == [("a.png", "corrupt"), ("b.png", None)]
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


def test_a_member_that_claims_less_than_it_holds_is_refused(tmp_path: Path) -> None:
    content = make(tmp_path / "a.zip", {"a.png": grey(10)}).read_bytes()
    size = len(grey(10))
    lying = content.replace(struct.pack("<I", size), struct.pack("<I", size // 2))
    assert lying != content
    (tmp_path / "a.zip").write_bytes(lying)
    assert codes(tmp_path / "a.zip") == [("a.png", "corrupt")]
