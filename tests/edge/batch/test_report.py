"""The page: that names cannot break it, and that the pictures in it are pictures."""

import base64
import io
import os
import re
import zipfile
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.cli import NOTHING_DONE, SOME_FAILED
from tests.edge.artifacts import written
from tests.edge.batch.conftest import rows_of
from tests.edge.pictures import grey
from tests.full_disk import full

HOSTILE = '<script>alert("1")</script>&.png'


class Page(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.pictures: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.pictures += [value or "" for name, value in attributes if name == "src"]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def page(batch: Callable[..., int]) -> Page:
    os.mkdir("more")
    written(Path("more") / HOSTILE.replace("/", "_"), grey(250))
    written(Path(os.fsdecode(b"more/gr\xfcn.png")), grey(250))
    with zipfile.ZipFile("a.zip", "w") as archive:
        archive.writestr("in/side.png", grey(128))
    status = batch("images", "more", "a.zip", "--output", "r.jsonl", "--report", "r.html", "--quiet")
    assert status == SOME_FAILED
    return Page(Path("r.html").read_text(encoding="utf-8"))


def test_the_page_stands_alone_and_names_cannot_break_it(page: Page) -> None:
    assert "script" not in page.tags
    assert HOSTILE.replace("/", "_") in page.text
    assert "gr\\udcfcn.png" in page.text
    assert all(picture.startswith("data:image/jpeg;base64,") for picture in page.pictures)
    assert not re.search(r"https?:", Path("r.html").read_text(encoding="utf-8"))


def test_the_pictures_are_those_of_the_rows_members_of_archives_too(page: Page) -> None:
    assert "11 inputs: 9 classified, 2 failed" in page.text
    assert all(title in page.text for title in ("bright, 4 of 4", "dark, 2 of 2", "middle, 3 of 3", "Least certain"))
    levels = []
    for picture in page.pictures:
        image = Image.open(io.BytesIO(base64.b64decode(picture.partition(",")[2])))
        assert max(image.size) == 128
        levels.append(round(float(np.asarray(image).mean())))
    classes = [240, 250, 250, 250, 10, 20, 128, 130, 128]  # bright, dark, middle, each in the order of the run
    assert levels[:9] == pytest.approx(classes, abs=1)
    assert len(levels) == 18


def test_a_picture_that_is_gone_or_another_is_not_shown(
    batch: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from edge.batch import run

    choose = run.choose

    def choose_and_change(*arguments: object) -> object:
        chosen = choose(*arguments)  # type: ignore[arg-type]
        os.unlink("images/0.png")
        written(Path("images/4.png"), grey(99))
        return chosen

    monkeypatch.setattr("edge.batch.run.choose", choose_and_change)
    assert batch("images", "--output", "r.jsonl", "--report", "r.html", "--quiet") == SOME_FAILED
    text = Path("r.html").read_text(encoding="utf-8")
    assert text.count("changed or gone") == 4  # each of the two in its class and among the least certain
    assert text.count("<img") == 8


def test_a_page_that_cannot_be_written_leaves_the_rows_to_resume(
    batch: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("images", "--output", "r.jsonl", "--report", "r.html")
    with monkeypatch.context() as patched:
        patched.setattr("edge.batch.run.write_report", full)
        assert batch(*arguments) == NOTHING_DONE
    assert capsys.readouterr().err == (
        "eyespot: r.html: No space left on device; all rows are safe in r.jsonl.partial; "
        "make room and run the same command with --resume\n"
    )
    assert not Path("r.jsonl").exists()
    assert batch(*arguments, "--resume", "--quiet") == SOME_FAILED
    assert len(rows_of(Path("r.jsonl"))) == 8
    assert "8 inputs: 6 classified, 2 failed" in Page(Path("r.html").read_text(encoding="utf-8")).text
