"""Archives made by Python's own modules, whole, broken and hostile."""

import gzip
import hashlib
import io
import os
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from edge.batch.archives import read_archive
from edge.image import MAX_PIXELS
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
    ("text.png", None),
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
    return [(item.path.removeprefix(f"{path}!/"), item.error and item.error.code) for item in found]


ENDINGS = ["zip", "tar", "tar.gz", "tgz", "tar.bz2", "tar.xz"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_images_come_in_order_and_nothing_is_written(tmp_path: Path, ending: str) -> None:
    path = make(tmp_path / f"a.{ending}", MEMBERS)
    assert codes(path) == EXPECTED
    for item in read_archive(str(path), MAX_PIXELS):
        whole = MEMBERS[item.path.removeprefix(f"{path}!/")]
        if item.error is None:
            assert (item.encoded, item.size_bytes) == (whole, len(whole))
            assert item.sha256 == hashlib.sha256(whole).hexdigest()
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


def renamed(path: Path, old: bytes, new: bytes, system: int) -> None:
    """Give the only member of a zip other bytes for a name, in both headers, and no flag that says UTF-8."""
    content = bytearray(path.read_bytes().replace(old, new))
    central = content.index(b"PK\1\2")
    content[7] = content[central + 9] = 0  # the upper byte of the flags
    content[central + 5] = system
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "system", "expected"),
    [
        ("日本語.png".encode(), 3, "日本語.png".encode()),  # macOS and Linux's zip say nothing of UTF-8
        ("Öffentlich.png".encode(), 0, "Öffentlich.png".encode()),
        (b"gr\xfcn.png", 3, b"gr\xfcn.png"),  # of another Unix: its bytes
        (b"gr\x81n.png", 0, "grün.png".encode()),  # of DOS: code page 437
    ],
)
def test_the_name_in_a_zip_is_what_was_meant(tmp_path: Path, name: bytes, system: int, expected: bytes) -> None:
    ascii_name = "x" * (len(name) - 4) + ".png"
    path = make(tmp_path / "a.zip", {ascii_name: grey(10)})
    renamed(path, ascii_name.encode(), name, system)
    ((found, code),) = codes(path)
    assert (os.fsencode(found), code) == (expected, None)


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_every_name_of_a_hard_link_is_a_picture(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    contents = {"a.png": grey(10), "data/no-suffix": grey(20)}
    links = [("c.png", "a.png"), ("b.png", "data/no-suffix"), ("d.png", "c.png"), ("z.png", "gone.png")]
    make(path, contents)
    with tarfile.open(path, f"w:{ending.removeprefix('tar').removeprefix('.')}") as archive:
        for name, content in contents.items():
            archive.addfile(header(tarfile.REGTYPE, len(content), name=name), io.BytesIO(content))
        for name, target in links:
            link = header(tarfile.LNKTYPE, 0, name=name)
            link.linkname = target
            archive.addfile(link)
    found = [(item.path.removeprefix(f"{path}!/"), item.encoded) for item in read_archive(str(path), MAX_PIXELS)]
    first, second = contents.values()
    assert found == [("a.png", first), ("c.png", first), ("b.png", second), ("d.png", first), ("z.png", None)]


def test_symbolic_links_and_devices_in_a_tar_are_not_followed(tmp_path: Path) -> None:
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
def test_a_bomb_costs_neither_memory_nor_the_rest(tmp_path: Path, ending: str) -> None:
    bomb = 80 << 20
    path = make(
        tmp_path / f"a.{ending}", {"zeros.png": bytes(bomb), "claims.png": grey(10) + bytes(bomb), "z.png": grey(10)}
    )
    assert path.stat().st_size < 200_000
    tracemalloc.start()
    assert codes(path) == [("zeros.png", "not_an_image"), ("claims.png", "too_many_bytes"), ("z.png", None)]
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


def header(kind: bytes, size: int, **fields: str) -> tarfile.TarInfo:
    """A header of a tar as tarfile writes it."""
    member = tarfile.TarInfo(fields.get("name", "long"))
    member.type, member.size = kind, size
    return member


LONG = 12 << 20


@pytest.mark.parametrize(
    "content",
    [
        *(header(kind, LONG).tobuf(tarfile.GNU_FORMAT) + b"a" * LONG for kind in (b"L", b"K", b"x", b"g")),
        header(b"L", 0).tobuf(tarfile.GNU_FORMAT) * 2000,
    ],
    ids=["name", "link", "pax", "global", "names of names"],
)
def test_a_header_costs_little_memory_however_long_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(make(tmp_path / "b.tar", {"a.png": grey(10)}).read_bytes()[:1024] + content, 1))
    tracemalloc.start()
    assert codes(path) == [("a.png", None), (str(path), "corrupt")]
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()
