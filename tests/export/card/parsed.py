"""A card as Python's own HTML parser reads it."""

import base64
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
from PIL import Image

VOID = {"meta", "img"}


class Page(HTMLParser):
    """What a test asks of a page: its tags with their attributes, its text by element, its tables, its pictures."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.source = source
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.by_id: dict[str, str] = {}
        self._open: list[tuple[str, str | None]] = []
        self._rows: list[list[str]] = []
        self._caption = ""
        self.feed(source)
        self.close()
        assert self._open == [], "a tag was left open"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if tag not in VOID:
            self._open.append((tag, attributes.get("id")))
        if tag == "table":
            self._rows, self._caption = [], ""
        if tag == "tr":
            self._rows.append([])
        if tag in ("td", "th"):
            self._rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag
        if tag == "table":
            self.tables[self._caption] = self._rows

    def handle_data(self, data: str) -> None:
        names = [name for name, _ in self._open]
        if "td" in names or "th" in names:
            self._rows[-1][-1] += data
        if "caption" in names:
            self._caption += data
        for name, identifier in self._open:
            for key in {name, identifier} - {None}:
                self.by_id[str(key)] = self.by_id.get(str(key), "") + data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every tag of this name."""
        return [attributes for name, attributes in self.tags if name == tag]

    def table(self, beginning: str) -> list[list[str]]:
        """The rows, head first, of the one table whose caption begins so."""
        (rows,) = (rows for caption, rows in self.tables.items() if caption.startswith(beginning))
        return rows

    def pictures(self) -> list[np.ndarray]:
        """The pixels of every picture, uint8 RGB, decoded by Pillow."""
        encoded = (str(image["src"]).removeprefix("data:image/png;base64,") for image in self.all("img"))
        return [np.asarray(Image.open(BytesIO(base64.b64decode(text, validate=True)))) for text in encoded]
