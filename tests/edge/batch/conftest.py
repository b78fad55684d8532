"""A working directory with the tiny model and a folder of pictures, whole and broken, and what NumPy says of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.batch.rows import RunConfig
from edge.image import MAX_PIXELS
from eyespot.cli import main
from tests.conftest import TINY_LABELS, tiny_probabilities
from tests.edge.artifacts import written
from tests.edge.pictures import grey

LEVELS = (10, 20, 128, 130, 240, 250)


def best(level: int) -> str:
    return TINY_LABELS[int(tiny_probabilities(level).argmax())]


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def codes_of(path: Path) -> list[tuple[str, str | None]]:
    return [(row["path"], row["error"] and row["error"]["code"]) for row in rows_of(path)]


def lines_in(path: str) -> int:
    return Path(path).read_bytes().count(b"\n") if Path(path).exists() else 0


def config() -> RunConfig:
    return RunConfig("tiny", "v", ("images",), "path", False, 3, MAX_PIXELS, False, 0.0, None, None, 0.0)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_model: Path) -> Path:
    """The working directory: tiny.onnx, and images/ with six pictures, an empty file and a text."""
    (tmp_path / "images").mkdir()
    for number, level in enumerate(LEVELS):
        written(tmp_path / "images" / f"{number}.png", grey(level))
    written(tmp_path / "images" / "6.png", b"")
    written(tmp_path / "images" / "7.png", b"no picture")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def batch(folder: Path) -> Callable[..., int]:
    """`eyespot batch tiny.onnx` in this process; returns the exit status."""
    return lambda *arguments: main(["batch", "tiny.onnx", *map(str, arguments)])
