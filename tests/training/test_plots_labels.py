import warnings
from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from training.history import Epoch, History
from training.plots import HistoryPlot, draw_confusion, save_figure, shortened
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


@pytest.mark.parametrize("title", ["of a run with a rather long name and many words", "without-a-space-" * 6])
def test_a_long_title_is_inside_the_picture(title: str) -> None:
    figure = draw_confusion(report("cat", "dog"), title)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    width, height = figure.get_size_inches() * figure.dpi
    (text,) = [text for text in figure.texts if title[:9] in text.get_text()]
    assert text.get_text().replace("\n", "").replace(" ", "") == title.replace(" ", "")
    drawn = text.get_window_extent(canvas.get_renderer())
    assert 0 <= drawn.x0 < drawn.x1 <= width
    assert figure.axes[0].get_window_extent().y1 <= drawn.y0 < drawn.y1 <= height


@pytest.mark.parametrize(("epochs", "ticks"), [(1, [1]), (2, [1, 2]), (3, [1, 2, 3])])
def test_ticks_of_a_history_are_its_epochs(epochs: int, ticks: list[int]) -> None:
    for axes in HistoryPlot("title").draw(History((Epoch(1, 0.5, 1, 0.5, 0.1),) * epochs)).axes:
        low, high = axes.get_xlim()
        assert [tick for tick in axes.get_xticks() if low <= tick <= high] == ticks


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
