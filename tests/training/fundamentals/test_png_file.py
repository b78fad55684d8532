import argparse
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image

from training.fundamentals.png_file import DPI, png_path, save_png


def test_a_figure_becomes_a_png_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    save_png(Figure(figsize=(3, 2)), tmp_path / "new" / "a.png")
    with Image.open(tmp_path / "new" / "a.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (3 * DPI, 2 * DPI))
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.png"]


def test_another_format_is_refused() -> None:
    assert png_path("a.PNG") == Path("a.PNG")
    with pytest.raises(argparse.ArgumentTypeError, match=r"must end in \.png\. Received: a\.jpg"):
        png_path("a.jpg")
