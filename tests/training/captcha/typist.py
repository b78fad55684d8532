"""One who types what is shown on the page of `eyespot annotate`: by key in Chromium, or by the page's own requests."""

import hashlib
import json
from pathlib import Path

from tests.serving.chromium import Page
from tests.training.annotate.sittings import ask


def read_truth(pictures: Path, truth: Path) -> dict[str, str]:
    """What each picture says by its name; only the typist may know."""
    lines = map(json.loads, truth.read_text().splitlines())
    texts = {line["sha256"]: line["text"] for line in lines}
    return {path.name: texts[hashlib.sha256(path.read_bytes()).hexdigest()] for path in pictures.glob("*.png")}


def type_in_browser(page: Page, address: str, texts: dict[str, str], keys: int) -> None:
    """Press the key of the glyph that is shown, `keys` times."""
    page.open(address)
    page.wait_for("shown !== null")
    for _ in range(keys):
        name, part = page.evaluate("[shown.item.name, shown.item.part]")
        page.press(texts[name][part - 1])
        page.evaluate("(async () => { let seen; do { seen = line; await seen; } while (seen !== line); })()")


def type_the_rest(address: str, texts: dict[str, str]) -> int:
    """Answer as the page does until nothing is left; return how many pictures were not cut in four, and ignored."""
    shown, ignored = ask(address)[1], set()
    while shown["left"]:
        item, text = shown["item"], ""
        if item["parts"] == 4:
            text = texts[item["name"]][item["part"] - 1]
        else:
            ignored.add(item["name"])
        status, shown = ask(address, "answer", key=item["key"], label=text)
        assert status == 200, shown
    return len(ignored)
