"""The two plots: pictures that Pillow reads, of the size that follows from the figure, without a warning."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export.quiet_tensorflow import start_tensorflow

start_tensorflow()
from training.history import Epoch, History
from training.plots import HistoryPlot, draw_confusion, save_figure
from training.report import Report, make_report

DOTS_PER_INCH = 110


def history(epochs: int) -> History:
    falling = [1 / (1 + epoch) for epoch in range(epochs)]
    return History(tuple(Epoch(value, 1 - value, value, 1 - value, 0.01) for value in falling))


def plot_history(some: History, title: str, path: Path) -> None:
    save_figure(HistoryPlot(title).draw(some), path)


def plot_confusion(report: Report, title: str, path: Path) -> None:
    save_figure(draw_confusion(report, title), path)


def plot_labels(labels: tuple[str, ...], path: Path) -> None:
    targets = np.arange(len(labels))
    plot_confusion(make_report(labels, targets, np.eye(len(labels), dtype=np.float32)), "a title", path)


def test_a_title_that_is_no_text_is_drawn_with_escapes(tmp_path: Path) -> None:
    """It is the name of a folder, which Linux lets be any bytes."""
    title = b"caf\xe9".decode("utf-8", "surrogateescape")
    plot_history(history(2), title, tmp_path / "odd.png")
    plot_history(history(2), "caf\\udce9", tmp_path / "escaped.png")
    assert (tmp_path / "odd.png").read_bytes() == (tmp_path / "escaped.png").read_bytes()


@pytest.mark.parametrize("epochs", [1, 2, 20, 300])
def test_history_is_a_png_of_ten_by_four_inches(tmp_path: Path, epochs: int) -> None:
    plot_history(history(epochs), "lenet-digits", tmp_path / "history.png")
    with Image.open(tmp_path / "history.png") as image:
        assert (image.format, image.size) == ("PNG", (10 * DOTS_PER_INCH, 4 * DOTS_PER_INCH))
    assert [path.name for path in tmp_path.iterdir()] == ["history.png"]


@pytest.mark.parametrize(
    ("classes", "side"),
    [
        (2, 4.0),
        (5, 4.0),
        (10, 6.5),
        pytest.param(31, 17.0, marks=pytest.mark.slow),
        pytest.param(60, 24.0, marks=pytest.mark.slow),
    ],
)
def test_confusion_grows_with_the_classes_up_to_a_limit(tmp_path: Path, classes: int, side: float) -> None:
    plot_labels(tuple(f"c{i}" for i in range(classes)), tmp_path / "confusion.png")
    with Image.open(tmp_path / "confusion.png") as image:
        assert (image.format, image.size) == ("PNG", (int((side + 1) * DOTS_PER_INCH), int(side * DOTS_PER_INCH)))


def darkest_blue(path: Path) -> float:
    """Return the share of pixels that have the last colour of matplotlib's Blues, (8, 48, 107)."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"), np.int16)
    return float((np.abs(pixels - (8, 48, 107)).max(axis=2) <= 2).mean())


def test_shade_is_the_share_of_the_true_class(tmp_path: Path) -> None:
    labels, targets = ("a", "b"), np.array([0] * 9 + [1])
    right = make_report(labels, targets, np.eye(2, dtype=np.float32)[targets])
    half = make_report(labels, targets, np.full((10, 2), 0.5, np.float32))  # all are called a
    for name, report in (("right", right), ("half", half)):
        plot_confusion(report, "title", tmp_path / f"{name}.png")
    # Two dark cells of four where all is right whatever the counts; two as well where all are called a.
    assert darkest_blue(tmp_path / "right.png") == pytest.approx(darkest_blue(tmp_path / "half.png"), rel=0.05)
    assert darkest_blue(tmp_path / "right.png") > 0.1


@pytest.mark.parametrize(
    "labels",
    [
        ("a very long name of a class that goes on and on", "b"),
        ("caf\u00e9", "\u041a\u043e\u0442"),
        ("$_$", "$5"),
        ("$10$", "b"),
        ("50%", "a_b^c"),
        ("\u732b", "\u72ac"),
    ],
    ids=["long", "accents and Cyrillic", "broken formula", "formula", "signs", "Chinese"],
)
def test_a_label_of_any_kind_can_be_drawn_without_a_warning(tmp_path: Path, labels: tuple[str, ...]) -> None:
    plot_labels(labels, tmp_path / "confusion.png")
    with Image.open(tmp_path / "confusion.png") as image:
        assert image.size >= (5 * DOTS_PER_INCH, 4 * DOTS_PER_INCH)  # long labels make it larger


def test_a_label_with_dollars_is_not_set_as_a_formula(tmp_path: Path) -> None:
    """As a formula it would lose its dollars and look as the same letters in matplotlib's own italics do."""
    plot_labels(("$wide$", "b"), tmp_path / "dollars.png")
    plot_labels((r"$\mathit{wide}$", "b"), tmp_path / "formula.png")
    assert (tmp_path / "dollars.png").read_bytes() != (tmp_path / "formula.png").read_bytes()


@pytest.mark.parametrize("title", ["$_$", "50% of $5"])
def test_a_title_of_any_kind_can_be_drawn(tmp_path: Path, title: str) -> None:
    plot_history(history(2), title, tmp_path / "history.png")
    plot_confusion(make_report(("a", "b"), np.array([0, 1]), np.eye(2, dtype=np.float32)), title, tmp_path / "c.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.png", "history.png"]
