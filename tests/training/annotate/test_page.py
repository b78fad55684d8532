"""The page in a real Chromium: typed, undone and corrected, killed, narrow, heard, and with suspects."""

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.spec import Glyphs
from tests.edge.artifacts import restamped, written
from tests.serving.chromium import CHROMIUM, Page, chromium
from tests.training.annotate.sittings import ended, labelled, sitting, truth, write_codes

MISSING = CHROMIUM is None and os.environ.get("CI") != "true"
pytestmark = [pytest.mark.slow, pytest.mark.skipif(MISSING, reason="there is no Chromium here")]

CODES = ("7391", "28465")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture
def page(browser: Page) -> Iterator[Page]:
    """The tab; what the page throws or is refused unasked fails the test."""
    browser.events.clear()
    yield browser
    # The browser logs by itself what the page tells in its own words.
    assert [error for error in browser.errors if not any(t in error for t in ("400", "REFUSED"))] == []
    browser.open("about:blank")


def begin(page: Page, address: str) -> None:
    page.open(address)
    page.wait_for("shown !== null")


def press(page: Page, *keys: str, shift: bool = False) -> None:
    """Press keys one by one and return once all have had their effect."""
    for key in keys:
        page.press(key, shift=shift)
    page.evaluate("(async () => { let seen; do { seen = line; await seen; } while (seen !== line); })()")


def text(page: Page, identifier: str) -> str:
    return str(page.evaluate(f"document.getElementById({identifier!r}).textContent"))


def place(page: Page) -> list[int]:
    found: list[int] = page.evaluate("[shown.index, shown.left]")
    return found


def test_the_truth_typed_is_what_is_written(page: Page, tmp_path: Path) -> None:
    codes, output = write_codes(tmp_path / "codes", *CODES), tmp_path / "dataset"
    arguments = (codes, "--regions", "glyphs:4", "--output", output)
    with sitting(*arguments) as (address, process):
        begin(page, address)
        press(page, *"738", "Backspace", *"94", "ArrowLeft", "1")
        assert place(page) == [4, 5]
        press(page, "~", "Delete")
        press(page, "Delete", shift=True)
        assert (place(page)[1], text(page, "far")) == (0, "All done; Ctrl-C in the terminal ends it")
        press(page, *["Backspace"] * 5)
        assert place(page) == [4, 5]
        process.kill()
        process.wait()
        press(page, *"28")
        assert "does not answer" in text(page, "alert")
        assert place(page) == [4, 5]
    with sitting(*arguments) as (address, process):
        begin(page, address)
        assert (place(page), text(page, "alert")) == ([4, 5], "5 found, 4 expected")
        press(page, *"28465")
        assert ended(process)[0] == 0
    assert labelled(output) == truth(codes, *CODES)


def test_a_model_guesses_and_keys_count_in_either_case(page: Page, tmp_path: Path, tiny_content: bytes) -> None:
    codes, output = write_codes(tmp_path / "codes", *CODES), tmp_path / "dataset"
    model = written(tmp_path / "m.onnx", restamped(tiny_content, labels=("A", "bee", "cat"), regions=Glyphs(4)))
    options = ("--regions", "glyphs:4", "--labels", "A,bee,cat", "--suggest", model, "--output", output)
    with sitting(codes, *options) as (address, process):
        begin(page, address)
        guess = page.evaluate("shown.guess[0]")
        press(page, " ", "a", "2", "C", "x")
        assert text(page, "alert") == "x is the key of no label."
        assert ended(process)[0] == 0
    assert sorted(name for name, _ in labelled(output)) == sorted(["A", "bee", "cat", guess])


def test_the_box_is_where_the_glyph_is_it_fits_a_telephone_and_a_screen_reader_is_told(
    page: Page, tmp_path: Path
) -> None:
    codes = write_codes(tmp_path / "codes", CODES[0])
    ink = np.flatnonzero((cv2.imread(str(codes / "000.png")).min(axis=2) < 128).any(axis=0))
    second = [int(column) for column in ink if 50 < column < 95]  # `hershey` draws one glyph each 42 pixels, from 15
    with sitting(codes, "--regions", "glyphs:4", "--output", tmp_path / "dataset") as (address, _):
        begin(page, address)
        press(page, "7")
        sides = page.evaluate("""(() => {
          const box = document.getElementById("box").getBoundingClientRect();
          const picture = document.getElementById("picture");
          const frame = picture.getBoundingClientRect();
          const scale = picture.naturalWidth / frame.width;
          return [(box.left - frame.left) * scale, (box.right - frame.left) * scale];
        })()""")
        assert sides == pytest.approx([second[0], second[-1] + 1], abs=1)
        page.call("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=2, mobile=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.call("Emulation.clearDeviceMetricsOverride")
        nodes = page.call("Accessibility.getFullAXTree")["nodes"]
        found = {(n["role"]["value"], n.get("name", {}).get("value", "")) for n in nodes if not n["ignored"]}
        assert ("image", "000.png, glyph 2 of 4") in found
        assert any(role == "progressbar" and name == "1 of 4 done" for role, name in found)
        press(page, "Tab", "Enter", "Enter")  # the button keeps the focus
        assert (place(page), page.evaluate("document.activeElement.textContent")) == ([3, 1], "7\u00d73")
