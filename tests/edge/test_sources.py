"""Files, folders, globs and what leads nowhere, one by one and in order."""

import os
import random
import tracemalloc
from pathlib import Path

import pytest

from edge.errors import UsageError
from edge.sources import expand_sources, sorted_names, walk


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images, other files, hidden ones and folders, in a working directory of its own."""
    names = [
        *("b.png", "a.JPG", "c.jpeg", "notes.txt", "no_suffix", ".hidden.png", "png"),
        *("z/1.tif", "z/.cache/2.png", "m/deep/er/3.webp", "m/4.BMP", "empty/readme.md"),
        *("[set]/5.png", "set/6.png", "s/7.png", "star*.png", "star1.png"),
    ]
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)


def found(*names: str) -> list[str]:
    sources = list(expand_sources(names))
    assert all(source.error is None for source in sources)
    return [source.path for source in sources]


def errors(*names: str) -> list[tuple[str, str, str]]:
    sources = expand_sources(names)
    return [(source.path, source.error.code, str(source.error)) for source in sources if source.error]


def test_a_folder_gives_its_images_in_order_of_names() -> None:
    assert found("m", "z") == ["m/4.BMP", "m/deep/er/3.webp", "z/1.tif"]
    top = ["./a.JPG", "./b.png", "./c.jpeg", "./star*.png", "./star1.png"]
    below = ["./[set]/5.png", "./m/4.BMP", "./m/deep/er/3.webp", "./s/7.png", "./set/6.png", "./z/1.tif"]
    assert found(".") == top + below


def test_a_glob_gives_what_it_matches_in_order_of_names() -> None:
    assert found("*.png") == ["b.png", "star*.png", "star1.png"]
    assert found("?.[jJ]*") == ["a.JPG", "c.jpeg"]
    assert found("[ms]") == ["m/4.BMP", "m/deep/er/3.webp", "s/7.png"]


def test_two_stars_are_refused_as_a_folder_says_the_same() -> None:
    with pytest.raises(UsageError):
        found("**/*.png")


def test_a_name_that_exists_is_no_glob() -> None:
    assert found("star*.png") == ["star*.png"]
    assert found("[set]") == ["[set]/5.png"]


def test_what_leads_nowhere_is_an_error_in_its_place() -> None:
    assert errors("none.png", "b.png", "empty", "*.gif", "", "a\0b", "none/") == [
        ("none.png", "not_found", "there is no such file"),
        ("empty", "not_found", "the folder holds no images"),
        ("*.gif", "not_found", "no file matches"),
        ("", "not_found", "there is no such file"),
        ("a\0b", "not_found", "there is no such file"),
        ("none/", "not_found", "there is no such file"),
    ]
    assert [source.path for source in expand_sources(["none.png", "b.png", "empty"])] == [
        *("none.png", "b.png", "empty"),
    ]


def test_links_in_a_circle_end() -> None:
    Path("m/again").symlink_to("../m")
    Path("z/self.png").symlink_to("self.png")
    assert found("m", "z") == ["m/4.BMP", "m/deep/er/3.webp", "z/1.tif", "z/self.png"]


def test_a_name_that_is_no_text_is_found(tmp_path: Path) -> None:
    name = os.fsdecode(b"empty/gr\xfcn.png")
    (tmp_path / name).touch()
    assert found("empty") == [name]


def test_a_folder_that_cannot_be_read_is_an_error_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    # The tests may run as root, whom no permission stops.
    real = os.scandir

    def scandir(path: str) -> object:
        if os.path.basename(path) == "deep":
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert [(s.path, s.error and s.error.code) for s in expand_sources(["m", "z"])] == [
        ("m/4.BMP", None),
        ("m/deep", "unreadable"),
        ("z/1.tif", None),
    ]
    assert [source.path for source in walk("m") if not source.error] == ["m/4.BMP"]


ODD = ["", "new\nline", "a", "a b", "Ä", "猫", os.fsdecode(b"gr\xfcn"), "\x01", "zz"]


@pytest.mark.parametrize("in_memory", [1, 2, 3, 9, 10, 1000])
def test_any_number_in_memory_gives_the_order_of_sorted(in_memory: int) -> None:
    names = ODD * 3
    random.Random(0).shuffle(names)
    assert list(sorted_names(names, in_memory)) == sorted(names)


def test_memory_does_not_grow_with_the_names() -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        names = sorted_names((f"picture {i * 7919 % count:07}.jpeg" for i in range(count)), in_memory=1000)
        assert sum(1 for _ in names) == count
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(2_000)
    # Each temporary file has a buffer; the names of 20,000 more would take 1.6 MB.
    assert peak(30_000) < peak(10_000) + 600_000


def test_a_folder_gives_up_no_picture_in_silence(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    names = ["a.mpo", "b.hif", "c.heic", "d.jxl", "e.dng", "f.avif", "g.jp2", "h.CR2"]
    for name in names:
        (folder / name).write_bytes(b"anything")
    for name, start in {"no-suffix": b"\xff\xd8\xff", "heic": b"\0\0\0\x18ftypheic", "pipe-like": b"%PDF"}.items():
        (folder / name).write_bytes(start + bytes(40))
    for name, start in {"README": b"# a text", "empty": b""}.items():
        (folder / name).write_bytes(start)
    assert [Path(source.path).name for source in walk(str(folder))] == sorted(
        [*names, "no-suffix", "heic", "pipe-like"]
    )
