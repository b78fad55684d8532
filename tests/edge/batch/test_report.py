"""The page: what it shows is drawn fairly, names cannot break it, and its pictures are those of the rows."""

import base64
import io
import os
import re
import zipfile
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote_to_bytes

import numpy as np
import pytest
from PIL import Image

from edge.arguments import DONE, NOTHING_DONE, SOME_FAILED
from tests.edge.artifacts import written
from tests.edge.batch.conftest import rows_of
from tests.edge.pictures import encode, grey
from tests.full_disk import full

Batch = Callable[..., int]
HOSTILE = '<script>alert("1")<_script>&.png'


class Page(HTMLParser):
    """The tags, links, pictures and text of a page."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.pictures: list[str] = []
        self.text = ""
        self.feed(Path(path).read_text(encoding="utf-8"))
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attributes if name == "href"]
        self.pictures += [value or "" for name, value in attributes if name == "src"]

    def handle_data(self, data: str) -> None:
        self.text += data

    def levels(self) -> list[float]:
        images = [Image.open(io.BytesIO(base64.b64decode(p.partition(",")[2]))) for p in self.pictures]
        assert {max(image.size) for image in images} <= {128}
        return [float(np.asarray(image).mean()) for image in images]


@pytest.fixture
def page(batch: Batch) -> Page:
    os.mkdir("more")
    written(Path("more") / HOSTILE, grey(205))
    written(Path(os.fsdecode(b"more/gr\xfcn: 100%.png")), grey(225))
    with zipfile.ZipFile("a.zip", "w") as archive:
        archive.writestr("in/side.png", grey(150))
    arguments = ("images", "more", "a.zip", "none.png", "--output", "r.jsonl", "--report", "page/r.html", "--quiet")
    assert batch(*arguments) == SOME_FAILED
    return Page("page/r.html")


def test_the_page_stands_alone_and_names_cannot_break_it(page: Page) -> None:
    assert page.tags.count("script") == 1
    assert HOSTILE in page.text
    assert "gr\\udcfcn: 100%.png" in page.text
    assert all(picture.startswith("data:image/jpeg;base64,") for picture in page.pictures)
    assert not re.search(r"https?:", Path("page/r.html").read_text(encoding="utf-8"))


def test_links_lead_from_the_page_to_the_files(page: Page) -> None:
    files = {os.path.normpath(os.path.join(b"page", unquote_to_bytes(link))) for link in page.links}
    assert b"more/gr\xfcn: 100%.png" in files
    assert files - {b"none.png"} == {file for file in files if os.path.exists(file)}
    assert b"a.zip" in files


def test_it_names_what_failed_and_why(page: Page) -> None:
    for row in rows_of(Path("r.jsonl")):
        if row["error"]:
            assert f"{row['path']} {row['error']['message']}" in page.text


def test_the_pictures_are_those_of_the_rows_members_of_archives_too(page: Page) -> None:
    assert "12 inputs: 9 classified, 3 failed" in page.text
    levels = {round(level) for level in page.levels()}
    assert levels <= {10, 20, 128, 130, 150, 205, 225, 240, 250}
    # Of 10 and 20, 128 and 130, 240 and 250, which look alike, a sheet shows one.
    assert all(levels & pair for pair in ({10, 20}, {128, 130}, {240, 250}, {150}, {205}, {225}))
    assert page.text.count("and 1 more like it") == 6


def test_what_looks_alike_is_shown_once(batch: Batch) -> None:
    random = np.random.default_rng(0)
    one, other = (Image.fromarray(random.integers(0, 256, (40, 60, 3), np.uint8)).resize((240, 160)) for _ in range(2))
    os.mkdir("photos")
    for i, quality in enumerate((95, 80, 60)):
        written(Path(f"photos/{i}.jpg"), encode(one, "JPEG", quality=quality))
    written(Path("photos/3.jpg"), encode(one.resize((120, 80)), "JPEG"))
    written(Path("photos/4.jpg"), encode(other, "JPEG"))
    assert batch("photos", "--output", "r.jsonl", "--report", "r.html", "--quiet") == DONE
    page = Page("r.html")
    assert len(page.pictures) == 4  # each of the two in its class and among the least certain
    assert page.text.count("and 3 more like it") == 2


def test_true_labels_show_what_is_wrong(batch: Batch) -> None:
    for label, level in (("dark", 10), ("dark", 250), ("bright", 240)):
        os.makedirs(f"true/{label}", exist_ok=True)
        written(Path(f"true/{label}/{level}.png"), grey(level))
    assert batch("true", "--output", "r.jsonl", "--report", "r.html", "--labels-from-folders", "--quiet") == DONE
    page = Page("r.html")
    assert "accuracy 66.67% of 3 labelled images" in page.text
    assert "Wrong, the most certain first 1 of 1" in page.text
    assert page.levels()[0] == pytest.approx(250, abs=1)


def test_a_page_that_cannot_be_written_leaves_the_rows_to_resume(
    batch: Batch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("images", "--output", "r.jsonl", "--report", "r.html")
    with monkeypatch.context() as patched:
        patched.setattr("edge.batch.report.replacing", full)
        assert batch(*arguments) == NOTHING_DONE
    err = capsys.readouterr().err
    assert err.startswith("eyespot: r.html: ")
    assert err.count("\n") == 1
    assert not Path("r.jsonl").exists()
    assert batch(*arguments, "--resume", "--quiet") == SOME_FAILED
    assert len(rows_of(Path("r.jsonl"))) == 8
    assert "8 inputs: 6 classified, 2 failed" in Page("r.html").text
