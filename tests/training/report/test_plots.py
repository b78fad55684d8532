"""Pictures of a training: readable PNGs for any labels, with the best epoch marked and early spikes cut off."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from training.epochs.history import Epoch, History
from training.report.evaluation import Mistake, evaluate
from training.report.plots import draw_confusion, draw_history, draw_mistakes, save_figure


def history(losses: list[float], accuracies: list[float]) -> History:
    return History(tuple(Epoch(a, b, a, b, 0.01) for a, b in zip(losses, accuracies, strict=True)))


def saved(figure: Figure, path: Path) -> np.ndarray:
    save_figure(figure, path)
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"), int)


@pytest.mark.parametrize("epochs", [1, 300])
def test_a_history_of_any_length_marks_the_best_epoch(tmp_path: Path, epochs: int) -> None:
    accuracies = [0.5] * epochs
    accuracies[epochs // 2] = 0.9
    figure = draw_history(history([1.0] * epochs, accuracies), "a title", baseline=0.8)
    saved(figure, tmp_path / "history.png")
    for axes in figure.axes:
        marks = [line for line in axes.get_lines() if line.get_linestyle() == ":"]
        assert [set(line.get_xdata()) for line in marks] == [{epochs // 2 + 1}]
    assert len([line for line in figure.axes[1].get_lines() if set(line.get_ydata()) == {0.8}]) == 1


def test_an_early_spike_does_not_hide_the_rest() -> None:
    falling = [1 / (1 + epoch) for epoch in range(30)]
    (loss, _) = draw_history(history([500.0, *falling], [0.5] * 31), "a title").axes
    assert 0.5 <= loss.get_ylim()[1] < 5


@pytest.mark.parametrize(
    "labels",
    [
        ("a very long name of a class that goes on and on", "$_$ 50% a_b^c"),
        ("\u732b", "cut\udce9"),
        tuple(f"c{i}" for i in range(130)),
    ],
    ids=["signs", "bytes", "many"],
)
def test_labels_of_any_kind_are_drawn_without_a_warning(tmp_path: Path, labels: tuple[str, ...]) -> None:
    targets = np.arange(len(labels))
    found = evaluate(labels, targets, labels, np.roll(np.eye(len(labels), dtype=np.float32), 1, axis=0), None)
    assert min(saved(draw_confusion(found.report, f"{labels[0]} $_$"), tmp_path / "c.png").shape[:2]) >= 440
    mistakes = [Mistake(0, label, label, labels[-1], 0.9) for label in labels[:7]]
    pictures = [np.zeros((5 + 90 * i, 9, 3), np.uint8) for i in range(len(mistakes))]
    saved(draw_mistakes(mistakes, pictures, labels[0]), tmp_path / "m.png")


def test_the_shade_is_the_share_of_the_true_class(tmp_path: Path) -> None:
    """Of nine pictures of one class and one of the other, all right: two cells of the darkest blue, (8, 48, 107)."""
    targets = np.array([0] * 9 + [1])
    found = evaluate(("x",) * 10, targets, ("a", "b"), np.eye(2, dtype=np.float32)[targets], None)
    pixels = saved(draw_confusion(found.report, "a title"), tmp_path / "c.png")
    assert (np.abs(pixels - (8, 48, 107)).max(axis=2) <= 2).mean() > 0.1
