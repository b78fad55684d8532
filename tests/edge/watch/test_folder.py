"""A folder into which pictures come: each once, when it is whole."""

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from edge.errors import SourceError
from edge.watch import folder as module
from edge.watch.folder import FolderSource
from tests.edge.pictures import noise, png

WHOLE = png(noise(20, 30, 3))


class Looks(Event):
    """A stop event on which each look waits, so that a script can run between two looks; it ends with the script."""

    def __init__(self, script: Iterator[None]) -> None:
        super().__init__()
        self._script = script

    def wait(self, timeout: float | None = None) -> bool:
        if next(self._script, "over") == "over":
            self.set()
        return self.is_set()


def source(folder: Path) -> FolderSource:
    return FolderSource(str(folder), folder.name, 0.0, print)


def test_only_what_appears_is_given_and_once(tmp_path: Path) -> None:
    (tmp_path / "old.png").write_bytes(WHOLE)

    def script() -> Iterator[None]:
        yield
        (tmp_path / "sub").mkdir()
        for name in ("b.png", "a.png", "sub/c.png", "notes.txt", ".hidden.png"):
            (tmp_path / name).write_bytes(WHOLE)
        yield from [None] * 5

    found = list(source(tmp_path).frames(Looks(script())))
    names = [os.path.relpath(frame.path or "", tmp_path) for frame in found]
    assert [(frame.number, name) for frame, name in zip(found, names, strict=True)] == [
        (0, "a.png"),
        (1, "b.png"),
        (2, "sub/c.png"),
    ]
    assert all(frame.image and np.array_equal(frame.image.pixels, noise(20, 30, 3)) for frame in found)


def test_a_file_is_left_alone_while_it_grows_or_pauses_half_way(tmp_path: Path) -> None:
    path, sizes, given_at = tmp_path / "a.png", [], []

    def script() -> Iterator[None]:
        for end in [*range(50, len(WHOLE) // 2, 100), *[len(WHOLE) // 2] * 4, len(WHOLE), *[len(WHOLE)] * 3]:
            if not sizes or sizes[-1] != end:
                path.write_bytes(WHOLE[:end])
            sizes.append(end)
            yield

    for frame in source(tmp_path).frames(Looks(script())):
        assert frame.error is None
        given_at.append(len(sizes))
    assert given_at == [sizes.index(len(WHOLE)) + 2]  # the look after that which found it whole


def test_a_picture_that_stays_damaged_is_told_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.0)

    def script() -> Iterator[None]:
        yield
        (tmp_path / "a.png").write_bytes(WHOLE[: len(WHOLE) // 2])
        yield from [None] * 5

    watched = source(tmp_path)
    (frame,) = watched.frames(Looks(script()))
    assert frame.image is None
    assert frame.error
    assert frame.error.code == "corrupt"
    assert watched.broken == 1


def test_a_file_that_is_written_anew_is_given_again_and_one_that_goes_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "a.png"

    def script() -> Iterator[None]:
        yield
        path.write_bytes(WHOLE)
        yield from [None] * 3
        path.write_bytes(png(noise(7, 9, 3)))
        yield from [None] * 3
        path.unlink()
        yield
        path.write_bytes(png(noise(7, 9, 3)))
        yield from [None] * 3

    frames = source(tmp_path).frames(Looks(script()))
    assert [frame.image.pixels.shape[:2] for frame in frames if frame.image] == [(20, 30), (7, 9), (7, 9)]


def test_a_folder_that_goes_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "inbox"
    folder.mkdir()

    def script() -> Iterator[None]:
        yield
        folder.rmdir()
        yield

    with pytest.raises(SourceError):
        list(source(folder).frames(Looks(script())))
