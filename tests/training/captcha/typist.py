"""One who types what is shown on the page of `eyespot annotate`: by key in Chromium, or by the page's own requests."""

import hashlib
import http.client
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.serving.chromium import Page


def read_truth(pictures: Path, truth: Path) -> dict[str, str]:
    """What each picture says by its name; only the typist may know."""
    lines = map(json.loads, truth.read_text().splitlines())
    texts = {line["sha256"]: line["text"] for line in lines}
    return {path.name: texts[hashlib.sha256(path.read_bytes()).hexdigest()] for path in pictures.glob("*.png")}


def type_in_browser(page: Page, address: str, texts: dict[str, str], keys: int) -> None:
    """Press the key of the glyph that is shown, `keys` times."""
    page.open(address)
    page.wait_for("shown !== null && document.getElementById('status').textContent !== ''")
    for _ in range(keys):
        name, part = page.evaluate("[shown.picture, shown.part]")
        page.press(texts[name][part - 1])
        page.evaluate("(async () => { let seen; do { seen = line; await seen; } while (seen !== line); })()")


def type_the_rest(address: str, texts: dict[str, str]) -> int:
    """Answer as the page does until nothing is left; return how many pictures were not cut in four, and ignored."""
    place, skipped = urlsplit(address).netloc, 0
    connection = http.client.HTTPConnection(place, timeout=30)

    def ask(path: str, body: object = None) -> dict[str, Any]:
        headers = {"Origin": f"http://{place}", "Content-Type": "application/json"}
        connection.request("POST" if body else "GET", path, json.dumps(body) if body else None, headers)
        answer = connection.getresponse()
        found: dict[str, Any] = json.loads(answer.read())
        assert answer.status == 200, found
        return found

    shown = ask("/screen")
    while shown["progress"]["left"]:
        aim = {"item": shown["index"], "key": shown["key"], "seen": shown["number"]}
        whole = shown["parts"] == 4
        skipped += not whole
        label = texts[shown["picture"]][shown["part"] - 1] if whole else None
        state = "labelled" if whole else "ignored"
        shown = ask("/answer", {"aim": aim, "state": state, "label": label, "whole_picture": not whole})
    connection.close()
    return skipped
