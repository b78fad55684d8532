import warnings
from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from training.plots import draw_confusion, save_figure, shortened
from training.report import ClassReport, Report


def report(*labels: str) -> Report:
    n = len(labels)
    confusion = tuple(tuple(int(i == j) for j in range(n)) for i in range(n))
    return Report(1.0, n, tuple(ClassReport(label, 1.0, 1.0, 1.0, 1) for label in labels), confusion)


@pytest.mark.parametrize("labels", [("a", "b"), ("a very long name of a class", "and another that is longer still")])
def test_the_matrix_keeps_its_size_beside_long_labels(labels: tuple[str, str]) -> None:
    figure = draw_confusion(report(*labels), "title: 50.79% of 63 images")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    width, height = figure.get_size_inches() * figure.dpi
    axes = figure.axes[0]
    assert axes.get_window_extent().width > 200
    whole = axes.get_tightbbox(canvas.get_renderer())
    assert 0 <= whole.x0 < whole.x1 <= width
    assert 0 <= whole.y0 < whole.y1 <= height


def test_labels_are_no_formulas_and_missing_glyphs_no_warnings(tmp_path: Path) -> None:
    figure = Figure()
    # matplotlib raises for the first and warns of the second, unless it is told otherwise.
    figure.suptitle(r"$\frac$ and 猫")
    with warnings.catch_warnings(action="error"):
        save_figure(figure, tmp_path / "title.png")
    assert (tmp_path / "title.png").is_file()


def test_the_middle_of_a_long_text_is_left_out() -> None:
    assert shortened("0123456789", 10) == "0123456789"
    assert shortened("0123456789", 7) == "012…789"
