"""The page at /playground in a real Chromium: every way in, answers of the edge, keys, screen reader, both themes."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.classifier import Classifier
from edge.model import read_spec
from edge.spec import Glyphs
from serving.app import PLAYGROUND
from tests.edge.artifacts import restamped, written
from tests.edge.pictures import png
from tests.edge.regions.drawn_glyphs import code
from tests.serving.chromium import CHROMIUM, Page, chromium
from tests.serving.conftest import Ask, application, encode_png, listening

MISSING = CHROMIUM is None and os.environ.get("CI") != "true"
pytestmark = [pytest.mark.slow, pytest.mark.skipif(MISSING, reason="there is no Chromium here")]

# Where to leave pictures of the page for a person to look at.
PICTURES = os.environ.get("PLAYGROUND_PICTURES")
MAKE_FILE = """
async function makeFile(level, name) {
  const canvas = Object.assign(document.createElement("canvas"), {width: 40, height: 30});
  const context = canvas.getContext("2d");
  context.fillStyle = `rgb(${level}, ${level}, ${level})`;
  context.fillRect(0, 0, 40, 30);
  const blob = await new Promise(done => canvas.toBlob(done, "image/png"));
  const transfer = new DataTransfer();
  transfer.items.add(new File([blob], name, {type: "image/png"}));
  return transfer;
}
"""


@pytest.fixture(scope="module")
def models(tiny_content: bytes, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("models")
    other = restamped(tiny_content, name="other", labels=("night", "dusk", "day"), reject_threshold=0.99)
    glyphs = restamped(tiny_content, name="glyphs", regions=Glyphs(4))
    contents = {"a.onnx": tiny_content, "b.onnx": other, "c.onnx": glyphs}
    return [written(folder / name, content) for name, content in contents.items()]


@pytest.fixture(scope="module")
def browser(models: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Page, str]]:
    profile = tmp_path_factory.mktemp("profile")
    limits = {"max_body_bytes": 1_000_000, "max_pixels": 1_000_000}
    with application(*models, **limits) as app, listening(app) as address, chromium(profile) as page:
        yield page, f"http://{address}/playground"


@pytest.fixture
def page(browser: tuple[Page, str]) -> Iterator[Page]:
    """The page, freshly loaded, whose models are listed; no error may have come up in the end."""
    found, address = browser
    found.events.clear()
    found.open("about:blank")
    found.open(address)
    found.wait_for("document.querySelectorAll('#model option').length === 3")
    yield found
    assert found.errors == []


def cards(page: Page, count: int) -> list[dict[str, Any]]:
    """The answers on the page, the newest first, once there are so many."""
    page.wait_for(f"document.querySelectorAll('#results > li').length === {count}")
    text = page.evaluate(
        """JSON.stringify([...document.querySelectorAll("#results > li")].map(card => ({
          name: card.querySelector("h2").textContent,
          rows: [...card.querySelectorAll("tr")].map(row => [row.querySelector("th").textContent,
            row.querySelector(".percent").textContent, row.querySelector(".fill").style.width]),
          bad: card.querySelector(".bad")?.textContent ?? null,
          text: card.textContent,
          preview: card.querySelector("img")?.naturalWidth ?? 0})))"""
    )
    found: list[dict[str, Any]] = json.loads(text)
    return found


def expected(model: Path, level: int) -> list[tuple[str, str]]:
    predictions = Classifier.load(model).classify(encode_png(level)).predictions
    return [(p.label, f"{p.probability * 100:.1f} %") for p in predictions]


def seen(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(Path(PICTURES) / f"{name}.png")


def test_chosen_files_are_answered_as_by_the_edge_and_a_bad_one_says_why(
    page: Page, models: list[Path], tmp_path: Path
) -> None:
    for name, content in {"dark.png": encode_png(60, 90, 120), "mid.png": encode_png(100, 90, 120)}.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "words.png").write_bytes(b"no picture at all")
    page.choose_files("#files", *(tmp_path / name for name in ("dark.png", "mid.png", "words.png")))
    bad, mid, dark = cards(page, 3)
    for card, level in ((dark, 60), (mid, 100)):
        rows = expected(models[0], level)
        assert [(label, percent) for label, percent, _ in card["rows"]] == rows
        widths = [float(width.rstrip("%")) for _, _, width in card["rows"]]
        assert widths == pytest.approx([float(percent.rstrip(" %")) for _, percent in rows], abs=0.051)
        assert re.search(r"\d+ ms there and back, of which decoding [\d.]+", card["text"])
        assert card["preview"] == 120
    assert bad["bad"] == "not_an_image: the content is not an image of a known format"
    assert page.evaluate("document.getElementById('status').textContent") == (
        "words.png: the content is not an image of a known format"
    )
    page.events[:] = [e for e in page.events if "415" not in str(e)]  # the browser logs the status itself
    seen(page, "light")
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    seen(page, "dark")
    dark_ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "light"}])
    assert dark_ground != page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.call("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=2, mobile=True)
    seen(page, "narrow")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.call("Emulation.clearDeviceMetricsOverride")


def test_a_sample_of_the_model_may_be_clicked_and_curl_is_there_to_copy(page: Page, models: list[Path]) -> None:
    page.wait_for("document.querySelectorAll('#examples button').length === 3")
    page.evaluate("document.querySelectorAll('#examples button')[2].click()")
    (card,) = cards(page, 1)
    assert [(label, percent) for label, percent, _ in card["rows"]] == expected(models[0], 240)
    page.evaluate(
        "document.getElementById('top').value = 2; document.getElementById('top').dispatchEvent(new Event('input'))"
    )
    address = page.evaluate("document.baseURI").removesuffix("playground")
    version = read_spec(models[0]).version
    curl = page.evaluate("document.getElementById('curl').textContent")
    assert curl == f"curl --data-binary @picture.jpg '{address}v1/models/tiny/versions/{version}/classify?top_k=2'"
    seen(page, "examples")


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_dropped_and_pasted_pictures_are_answered(page: Page, models: list[Path], way: str) -> None:
    event = {
        "drop": "new DragEvent('drop', {dataTransfer: transfer, bubbles: true, cancelable: true})",
        "paste": "new ClipboardEvent('paste', {clipboardData: transfer, bubbles: true})",
    }[way]
    page.evaluate(
        f"{MAKE_FILE}; makeFile(250, 'in.png').then(transfer => document.getElementById('drop').dispatchEvent({event}))"
    )
    (card,) = cards(page, 1)
    assert card["name"] == "in.png"
    assert [(label, percent) for label, percent, _ in card["rows"]] == expected(models[0], 250)


def test_another_model_and_fewer_predictions_may_be_chosen(page: Page, models: list[Path], tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode_png(200))
    page.evaluate("document.getElementById('model').selectedIndex = 1; document.getElementById('top').value = 1")
    page.choose_files("#files", tmp_path / "a.png")
    (card,) = cards(page, 1)
    assert [(label, percent) for label, percent, _ in card["rows"]] == expected(models[1], 200)[:1]
    assert "Unsure" in card["text"]


def test_regions_are_drawn_and_read(page: Page, models: list[Path], tmp_path: Path) -> None:
    encoded = png(code("7391")[0])
    (tmp_path / "code.png").write_bytes(encoded)
    page.evaluate("document.getElementById('model').selectedIndex = 2")
    page.choose_files("#files", tmp_path / "code.png")
    (card,) = cards(page, 1)
    expected_ = Classifier.load(models[2]).classify(encoded, 5)
    assert f"It reads {expected_.text}." in card["text"]
    page.wait_for("document.querySelectorAll('#results rect').length === 4")
    sides = "['x', 'y', 'width', 'height'].map(name => Number(box.getAttribute(name)))"
    drawn = page.evaluate(f"[...document.querySelectorAll('#results rect')].map(box => {sides})")
    assert drawn == [[r.box.x, r.box.y, r.box.width, r.box.height] for r in expected_.regions or ()]
    assert len(card["rows"]) == 4 * 3
    seen(page, "regions")


def test_the_camera_is_asked_for_and_its_picture_answered(page: Page) -> None:
    page.evaluate("document.getElementById('start').click()")
    page.wait_for("document.getElementById('video').videoWidth > 0")
    page.evaluate("document.getElementById('shoot').click()")
    (card,) = cards(page, 1)
    assert card["name"] == "camera"
    assert len(card["rows"]) == 3
    seen(page, "camera")
    page.evaluate("document.getElementById('stop').click()")
    assert page.evaluate("document.getElementById('camera').hidden && document.activeElement.id === 'start'")


def test_keys_alone_reach_everything_and_open_the_dialog(page: Page) -> None:
    page.call("Page.setInterceptFileChooserDialog", enabled=True)
    reached = []
    for _ in range(4):
        page.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    assert reached == ["model", "top", "choose", "start"]
    page.evaluate("document.getElementById('choose').focus()")
    page.press("Enter")
    page.wait_for("true")
    assert [e for e in page.events if e["method"] == "Page.fileChooserOpened"]
    page.call("Page.setInterceptFileChooserDialog", enabled=False)


def test_a_screen_reader_is_told_names_rows_and_news(page: Page, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode_png(250))
    page.choose_files("#files", tmp_path / "a.png")
    cards(page, 1)
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    found = {(n["role"]["value"], n.get("name", {}).get("value", "")) for n in nodes if not n["ignored"]}
    assert {("combobox", "Model"), ("spinbutton", "Predictions"), ("button", "Choose pictures")} <= found
    assert {("image", "a.png"), ("heading", "a.png"), ("rowheader", "bright"), ("table", "Probabilities")} <= found
    assert any(role == "status" for role, _ in found)
    assert page.evaluate("document.getElementById('status').textContent").startswith("a.png: bright, ")


def test_the_page_loads_nothing_and_may_load_nothing(ask: Ask) -> None:
    answer = ask("GET", "/playground")
    assert answer.text == PLAYGROUND
    names_no_place = PLAYGROUND.replace("http://www.w3.org/2000/svg", "")  # the name of a language, not an address
    assert re.search(r"https?:|//[a-z]|src=\"|@import|url\(", names_no_place) is None
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
