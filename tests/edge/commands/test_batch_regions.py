"""`eyespot batch` on models of regions: every row is what `classify --json` says of the picture, in every format."""

import base64
import csv
import io
import json
import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from edge.arguments import SOME_FAILED
from edge.spec import Glyphs
from eyespot.cli import main
from tests.edge.artifacts import restamped, written
from tests.edge.batch.conftest import batch, folder, rows_of
from tests.edge.pictures import grey, png
from tests.edge.regions.drawn_glyphs import code

__all__ = ["batch", "folder"]

Batch = Callable[..., int]
Say = pytest.CaptureFixture[str]


@pytest.fixture
def codes(batch: Batch, tiny_content: bytes) -> Batch:
    """`eyespot batch` with a model of four glyphs, in a folder of codes, whole and broken, and an archive."""
    written(Path("tiny.onnx"), restamped(tiny_content, regions=Glyphs(4)))
    os.mkdir("codes")
    for text in ("7391", "0486", "739"):
        written(Path("codes", f"{text}.png"), png(code(text)[0]))
    whole = png(code("7391")[0])
    written(Path("codes/broken.png"), whole[: len(whole) // 2])
    written(Path("codes/grey.png"), grey(128))
    with zipfile.ZipFile("a.zip", "w") as archive:
        archive.writestr("2255.png", png(code("2255")[0]))
    return batch


def classified(capsys: Say, *arguments: str) -> list[dict]:  # type: ignore[type-arg]
    capsys.readouterr()
    main(["classify", "tiny.onnx", "--json", *arguments])
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def without_digest(row: dict) -> dict:  # type: ignore[type-arg]
    return {name: value for name, value in row.items() if name not in ("sha256", "size_bytes")}


def test_rows_are_what_classify_says(codes: Batch, capsys: Say) -> None:
    assert codes("codes", "--output", "r.jsonl", "--min-probability", "0.9") == SOME_FAILED
    rows = rows_of(Path("r.jsonl"))
    assert [without_digest(row) for row in rows] == classified(capsys, "codes", "--min-probability", "0.9")
    texts = {row["path"]: len(row["regions"]) if not row["error"] else row["error"]["code"] for row in rows}
    names = ("0486", "739", "7391", "broken", "grey")
    assert texts == dict(zip((f"codes/{name}.png" for name in names), (4, 3, 4, "corrupt", 0), strict=True))


def test_csv_and_parquet_have_the_text_and_the_regions(codes: Batch) -> None:
    for ending in ("csv", "jsonl", "parquet"):
        assert codes("codes", "a.zip", "--output", f"r.{ending}") == SOME_FAILED
    with open("r.csv", encoding="utf-8", newline="") as file:
        cells = list(csv.DictReader(file))
    table = pq.read_table("r.parquet").to_pylist()
    assert list(cells[0]) == list(table[0])
    assert list(cells[0])[4:7] == ["text", "regions", "unsure"]
    for row, cell, expected in zip(table, cells, rows_of(Path("r.jsonl")), strict=True):
        assert (row["text"], row["regions"]) == (expected.get("text"), expected.get("regions"))
        assert (cell["text"] or None, json.loads(cell["regions"] or "null")) == (row["text"], row["regions"])
        assert cell["error_code"] == ("corrupt" if expected["error"] else "")


def test_the_report_shows_regions(codes: Batch) -> None:
    assert codes("codes", "a.zip", "--output", "r.jsonl", "--report", "r.html", "--quiet") == SOME_FAILED
    text = Path("r.html").read_text(encoding="utf-8")
    assert 'Nothing found <span class="soft">1 of 1</span>' in text
    pictures = {"a.zip!/2255.png": code("2255")[0]}
    pictures |= {f"codes/{name}.png": code(name)[0] for name in ("7391", "0486", "739")}
    tiles = re.findall(r'base64,([^"]+)".*?<br><a [^>]+>([^<]+)<', text, re.DOTALL)
    boxes = {row["path"]: [r["box"] for r in row["regions"]] for row in rows_of(Path("r.jsonl")) if not row["error"]}
    assert {path for _, path in tiles} <= {*pictures, "codes/grey.png"}
    assert len(tiles) >= 5
    for encoded, path in tiles:
        if path not in pictures:
            continue
        shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB"))
        crops = (pictures[path][b["y"] : b["y"] + b["height"], b["x"] : b["x"] + b["width"]] for b in boxes[path])
        same = [np.asarray(Image.fromarray(crop).resize(shown.shape[1::-1], Image.Resampling.BOX)) for crop in crops]
        # JPEG's noise around black letters; another glyph differs by a multiple of it.
        assert min(np.abs(image.astype(int) - shown).mean() for image in same) < 8
