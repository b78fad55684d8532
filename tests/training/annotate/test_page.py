"""The page in a real Chromium: the truth typed, undone and corrected, killed and resumed, in two tabs, with a model."""

import json
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.spec import Glyphs
from tests.conftest import tiny_probabilities
from tests.edge.artifacts import restamped, written
from tests.serving.chromium import CHROMIUM, Page, chromium
from tests.training.annotate.sittings import ended, labelled, sitting, truth, write_codes

MISSING = CHROMIUM is None and os.environ.get("CI") != "true"
pytestmark = [pytest.mark.slow, pytest.mark.skipif(MISSING, reason="there is no Chromium here")]

# Where to leave pictures of the page for a person to look at.
PICTURES = os.environ.get("ANNOTATE_PICTURES")
CODES = ("7391", "2846", "5513")


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
    told = ("400", "409", "507", "ERR_CONNECTION_REFUSED")
    assert [error for error in browser.errors if not any(status in error for status in told)] == []
    browser.open("about:blank")


@pytest.fixture
def codes(tmp_path: Path) -> Path:
    return write_codes(tmp_path / "codes", *CODES)


def begin(page: Page, address: str) -> None:
    page.open(address)
    page.wait_for("shown !== null && document.getElementById('status').textContent !== ''")


def type_keys(page: Page, keys: str) -> None:
    for key in keys:
        page.press(key)
    settle(page)


def settle(page: Page) -> None:
    """Return once all keys have had their effect."""
    page.evaluate("(async () => { let seen; do { seen = line; await seen; } while (seen !== line); })()")


def shown(page: Page, identifier: str) -> str:
    return str(page.evaluate(f"document.getElementById({identifier!r}).textContent"))


def seen(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(Path(PICTURES) / f"{name}.png")


def test_the_truth_typed_is_what_is_written(page: Page, codes: Path, tmp_path: Path) -> None:
    (codes / "zz.png").write_bytes(b"no picture")
    output = tmp_path / "dataset"
    with sitting(codes, "--regions", "glyphs:4", "--output", output) as (address, process):
        begin(page, address)
        assert shown(page, "caption") == "000.png, glyph 1 of 4 (1 of 12)"
        type_keys(page, "7391284")
        assert shown(page, "caption") == "001.png, glyph 4 of 4 (8 of 12)"
        assert shown(page, "progress-text").startswith("7 labelled, 0 ignored, 5 left, about ")
        assert "zz.png: the content is not an image" in shown(page, "unreadable")
        for name, scheme in (("light", "light"), ("dark", "dark")):
            page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            seen(page, name)
        page.call("Emulation.setEmulatedMedia", features=[])
        page.call("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=2, mobile=True)
        seen(page, "narrow")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.call("Emulation.clearDeviceMetricsOverride")
        type_keys(page, "65513")
        assert not page.evaluate("document.getElementById('done').hidden")
        assert ended(process) == (
            1,
            f"{output}: 12 labels (1: 2, 2: 1, 3: 2, 4: 1, 5: 2, 6: 1, 7: 1, 8: 1, 9: 1), 0 ignored, 0 left\n",
        )
    (codes / "zz.png").unlink()
    assert labelled(output) == truth(codes, *CODES)


def test_the_marked_box_is_where_the_glyph_is(page: Page, codes: Path, tmp_path: Path) -> None:
    ink = np.flatnonzero((cv2.imread(str(codes / "000.png")).min(axis=2) < 128).any(axis=0))
    second = [int(c) for c in ink if 50 < c < 95]  # `hershey` draws one glyph each 42 pixels, from 15
    with sitting(codes, "--regions", "glyphs:4", "--output", tmp_path / "dataset") as (address, _):
        begin(page, address)
        type_keys(page, "7")
        place = page.evaluate("""(() => {
          const box = document.getElementById("box").getBoundingClientRect();
          const picture = document.getElementById("picture");
          const frame = picture.getBoundingClientRect();
          const scale = picture.naturalWidth / frame.width;
          return [(box.left - frame.left) * scale, (box.right - frame.left) * scale];
        })()""")
        assert place == pytest.approx([second[0], second[-1] + 1], abs=1)


def test_undo_correct_and_ignore(page: Page, codes: Path, tmp_path: Path) -> None:
    output = tmp_path / "dataset"
    with sitting(codes, "--regions", "glyphs:4", "--output", output) as (address, process):
        begin(page, address)
        type_keys(page, "738")
        page.press("Backspace")
        settle(page)
        assert shown(page, "caption").startswith("000.png, glyph 3 of 4")
        type_keys(page, "94")  # the last of the picture is a 1
        page.press("ArrowLeft")
        settle(page)
        assert shown(page, "said") == "labelled 4"
        type_keys(page, "1")
        assert shown(page, "caption").startswith("001.png, glyph 1 of 4")
        type_keys(page, "~")
        page.press("Delete")
        settle(page)
        page.press("Delete", shift=True)
        settle(page)
        assert shown(page, "caption").startswith("002.png, glyph 1 of 4")
        page.press("Backspace")  # takes back what one key did to two glyphs
        settle(page)
        assert shown(page, "caption").startswith("001.png, glyph 3 of 4")
        assert shown(page, "progress-text").startswith("4 labelled, 2 ignored, 6 left")
        page.press("Delete", shift=True)
        settle(page)
        assert ended(process) == (0, f"{output}: 4 labels (1: 1, 3: 1, 7: 1, 9: 1), 4 ignored, 4 left\n")
    (codes / "001.png").unlink()
    (codes / "002.png").unlink()
    assert labelled(output) == truth(codes, CODES[0])


def test_a_kill_loses_no_key_press(page: Page, codes: Path, tmp_path: Path) -> None:
    output = tmp_path / "dataset"
    arguments = (codes, "--regions", "glyphs:4", "--output", output)
    with sitting(*arguments) as (address, process):
        begin(page, address)
        type_keys(page, "73912")
        process.kill()
        process.wait()
        type_keys(page, "8")
        assert shown(page, "alert") == "Not saved: the server does not answer; start 'eyespot annotate' again."
        assert shown(page, "caption").startswith("001.png, glyph 2 of 4")
        seen(page, "gone")
    with sitting(*arguments) as (address, process):
        begin(page, address)
        assert shown(page, "caption").startswith("001.png, glyph 2 of 4")
        assert shown(page, "progress-text").startswith("5 labelled")
        type_keys(page, "8465513")
        assert ended(process)[0] == 0
    assert labelled(output) == truth(codes, *CODES)


def test_an_answer_from_a_tab_that_is_behind_lands_nowhere(page: Page, codes: Path, tmp_path: Path) -> None:
    output = tmp_path / "dataset"
    with sitting(codes, "--regions", "glyphs:4", "--output", output) as (address, process), page.another_tab() as other:
        begin(page, address)
        begin(other, address)
        type_keys(page, "73")
        type_keys(other, "8")
        assert (
            shown(other, "alert") == "this one was labelled '7' in another tab meanwhile; answer again to change that"
        )
        assert shown(other, "said") == "labelled 7"
        type_keys(page, "9")
        other.press("Backspace")  # what it knows as the last is not the last any more
        settle(other)
        assert shown(other, "alert") == "something else was answered or undone meanwhile, in another tab"
        type_keys(other, "7")  # as it is already: it goes on to what is open
        assert shown(other, "caption").startswith("000.png, glyph 4 of 4")
        type_keys(other, "1")
        type_keys(page, "8")
        assert shown(page, "said") == "labelled 1"
        assert ended(process)[0] == 0
    (codes / "001.png").unlink()
    (codes / "002.png").unlink()
    assert labelled(output) == truth(codes, CODES[0])
    entries = [json.loads(text) for text in (output / "annotations.jsonl").read_text().splitlines()[1:]]
    assert [(entry["number"], entry["label"]) for entry in entries] == [(1, "7"), (2, "3"), (3, "9"), (4, "1")]


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits a process that runs")
def test_a_full_disk_is_said_on_the_page_which_stays(page: Page, codes: Path, tmp_path: Path) -> None:
    output = tmp_path / "dataset"
    with sitting(codes, "--regions", "glyphs:4", "--output", output) as (address, process):
        begin(page, address)
        type_keys(page, "7")
        _, most = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (64, most))
        press = "document.body.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}))"
        page.evaluate(f"for (const key of '391') {press}")  # faster than the disk can refuse
        settle(page)
        assert shown(page, "alarm") == f"not saved: {output}/3/000001.png: File too large; mend it and answer again"
        assert shown(page, "missed") == " (Also not taken: 2 pressed behind it.)"
        assert shown(page, "caption").startswith("000.png, glyph 2 of 4")
        seen(page, "full")
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most, most))
        type_keys(page, "391")
        assert shown(page, "alert") == ""
        assert ended(process)[0] == 0
    (codes / "001.png").unlink()
    (codes / "002.png").unlink()
    assert labelled(output) == truth(codes, CODES[0])


def test_a_picture_with_another_number_of_glyphs_is_said_and_ignored_or_labelled(page: Page, tmp_path: Path) -> None:
    codes, output = write_codes(tmp_path / "codes", "739", "28465"), tmp_path / "dataset"
    with sitting(codes, "--regions", "glyphs:4", "--output", output) as (address, process):
        begin(page, address)
        assert shown(page, "remark") == "3 glyphs found, 4 expected"
        seen(page, "remark")
        page.evaluate("document.getElementById('ignore-picture').click()")
        settle(page)
        assert shown(page, "remark") == "5 glyphs found, 4 expected"
        type_keys(page, "28465")
        assert not page.evaluate("document.getElementById('done').hidden")
        seen(page, "done")
        assert ended(process)[1].endswith(", 3 ignored, 0 left\n")
    (codes / "000.png").unlink()
    assert labelled(output) == truth(codes, "28465")


def test_the_space_bar_takes_the_guess_of_a_model(page: Page, codes: Path, tmp_path: Path, tiny_content: bytes) -> None:
    model = written(tmp_path / "m.onnx", restamped(tiny_content, labels=("1", "2", "3"), regions=Glyphs(4)))
    output = tmp_path / "dataset"
    with sitting(codes, "--regions", "glyphs:4", "--suggest", model, "--output", output) as (address, process):
        begin(page, address)
        assert shown(page, "guess").startswith("Guess: ")
        seen(page, "guess")
        guess = shown(page, "guess").split()[1].rstrip(",")
        type_keys(page, " ")
        assert ended(process) == (0, f"{output}: 1 label ({guess}: 1), 0 ignored, 11 left\n")


def test_whole_pictures_by_given_labels(page: Page, tmp_path: Path, tiny_content: bytes) -> None:
    folder = tmp_path / "animals"
    folder.mkdir()
    for name, level in (("a", 10), ("b", 128), ("c", 250)):
        cv2.imwrite(str(folder / f"{name}.jpg"), np.full((300, 400, 3), level, np.uint8))
    model = written(tmp_path / "m.onnx", tiny_content)
    output = tmp_path / "dataset"
    labels = "dark,middle,bright"
    with sitting(folder, "--labels", labels, "--suggest", model, "--output", output) as (address, process):
        begin(page, address)
        best = tiny_probabilities(10).max() * 100
        assert shown(page, "guess") == f"Guess: dark, {best:.1f} %"
        seen(page, "whole")
        type_keys(page, " 2x")
        assert shown(page, "alert") == "x is the key of no label."
        type_keys(page, "b")
        assert ended(process) == (0, f"{output}: 3 labels (bright: 1, dark: 1, middle: 1), 0 ignored, 0 left\n")
    kept = {f"{p.parent.name}/{p.name}": p.read_bytes() for p in output.glob("*/*")}
    assert kept == {
        f"{label}/000001.jpg": (folder / name).read_bytes()
        for label, name in (("dark", "a.jpg"), ("middle", "b.jpg"), ("bright", "c.jpg"))
    }


def test_keys_count_in_either_case_and_that_of_ignoring_for_that_alone(page: Page, codes: Path, tmp_path: Path) -> None:
    output = tmp_path / "dataset"
    with sitting(codes, "--regions", "glyphs:4", "--labels", "A,b,~", "--output", output) as (address, process):
        begin(page, address)
        type_keys(page, "aABb~3")
        assert shown(page, "alert") == ""
        assert ended(process) == (0, f"{output}: 5 labels (A: 2, b: 2, ~: 1), 1 ignored, 6 left\n")


def test_whole_pictures_by_typed_labels(page: Page, codes: Path, tmp_path: Path) -> None:
    output = tmp_path / "dataset"
    with sitting(codes, "--output", output) as (address, process):
        begin(page, address)
        type_keys(page, "a code")
        page.press("Enter")
        settle(page)
        page.press("Backspace")  # in the empty box it undoes
        settle(page)
        assert shown(page, "said") == "not labelled yet"
        type_keys(page, "other")
        page.press("Enter")
        type_keys(page, "Other")
        page.press("Enter")
        settle(page)
        seen(page, "typed")
        assert shown(page, "alert") == "the labels 'other' and 'Other' would be one to training; choose one of them"
        assert page.evaluate("document.getElementById('text').value") == "Other"
        assert ended(process) == (0, f"{output}: 1 label (other: 1), 0 ignored, 2 left\n")


def test_a_screen_reader_is_told_names_and_news(page: Page, codes: Path, tmp_path: Path) -> None:
    with sitting(codes, "--regions", "glyphs:4", "--output", tmp_path / "dataset") as (address, _):
        begin(page, address)
        type_keys(page, "7")
        nodes = page.call("Accessibility.getFullAXTree")["nodes"]
        found = {(n["role"]["value"], n.get("name", {}).get("value", "")) for n in nodes if not n["ignored"]}
        assert ("image", "000.png, glyph 2 of 4") in found
        assert any(role == "button" and name.endswith("Ignore") for role, name in found)
        assert any(role == "progressbar" and name.startswith("1 labelled") for role, name in found)
        assert shown(page, "status") == "000.png, glyph 2 of 4: not labelled yet"
        reached = []
        for _ in range(3):
            page.press("Tab")
            reached.append(page.evaluate("document.activeElement.textContent"))
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        assert reached[0] == "7\u00d71"  # the label and its count
        page.press("Enter")
        settle(page)
