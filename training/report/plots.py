"""Draw a training and what came of it: history, confusion matrix, reliability diagram, mistakes."""

import math
import textwrap
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from edge.files import replacing
from training.report.report import Report

if TYPE_CHECKING:
    from training.epochs.history import History  # it loads TensorFlow, which an artifact's evaluation does without
    from training.report.evaluation import Mistake

DPI = 110
BLUE, ORANGE, GREEN, GREY = "#2b6cb0", "#dd6b20", "#2f855a", "#718096"
# A loss above so many times the ninth decile is a spike; in a few epochs nothing is.
SPIKE, FEW_EPOCHS = 3.0, 10
# The confusion matrix: how many classes have large cells, how large it may become, and where labels are cut.
LARGE_CELLS, LARGEST_INCHES, LABEL_CHARACTERS = 30, 24.0, 24
# The contact sheet of mistakes; captions have as many characters as fit side by side above a picture.
COLUMNS, CELL_INCHES, CAPTION_CHARACTERS = 5, (2.3, 2.7), 30
# Below this side a picture is enlarged pixel by pixel, so that one sees what the network saw.
SMALL_PX = 64


def draw_history(history: "History", title: str, baseline: float | None = None) -> Figure:
    """Return two panels side by side, loss and accuracy over the epochs, with the best epoch marked.

    A spike in the first epochs is cut off, so that the rest can be seen. `baseline` is the accuracy of the frozen head.
    """
    figure = _figure(10, 4, title)
    epochs, best = np.arange(1, len(history.epochs) + 1), history.best_epoch()
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for series, label, colour in ((name, "training", BLUE), (f"validation_{name}", "validation", ORANGE)):
            axes.plot(epochs, history.series(series), label=label, marker=".", color=colour)
        axes.axvline(best, color=GREY, linestyle=":", label=f"best epoch ({best})")
        axes.set(xlabel="epoch", ylabel=name, xlim=(0.5, len(epochs) + 0.5))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if name == "accuracy":
            axes.yaxis.set_major_formatter(PercentFormatter(1))
            if baseline is not None:
                axes.axhline(baseline, color=GREEN, linestyle="--", label="validation, frozen")
        else:
            both = np.array(history.series("loss") + history.series("validation_loss"))
            if len(epochs) > FEW_EPOCHS and both.max() > SPIKE * (limit := float(np.quantile(both, 0.9))):
                axes.set_ylim(0, 1.5 * limit)
        _tidy(axes)
        axes.legend(fontsize=9)
    return figure


def draw_confusion(report: Report, model: str) -> Figure:
    """Return the confusion matrix as a grid whose shade grows with the root of the share of the true class."""
    counts = np.array(report.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    labels = [shortened(row.label, LABEL_CHARACTERS) for row in report.classes]
    longest = max(map(len, labels))
    cell = min(0.55 if len(labels) <= LARGE_CELLS else 0.2, LARGEST_INCHES / len(labels))
    points = 10 if cell > 0.2 else 7.5
    side, room = max(3.2, cell * len(labels)), points / 120 * longest  # in inches
    title = (
        f"{model}: {report.accuracy:.1%} of {report.images:,} images are right; "
        f"always guessing the commonest class gives {report.baseline_accuracy:.1%}"
    )
    figure = _figure(side + room + 2, side + room + 0.8, title)
    axes = figure.subplots()
    # A class that is confused once in a hundred images must be seen.
    image = axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, 0, 1))
    bar = figure.colorbar(image, shrink=min(1, 4 / side), aspect=25, format=PercentFormatter(1))
    bar.set_label("share of the true class")
    axes.set(xlabel="predicted", ylabel="true")
    shown = range(0, len(labels), math.ceil(0.2 / cell))
    upright = longest * points / 120 > side / len(labels)
    axes.set_xticks(shown, [labels[i] for i in shown], rotation=90 if upright else 0, fontsize=points)
    axes.set_yticks(shown, [labels[i] for i in shown], fontsize=points)
    axes.tick_params(length=0)
    for row, column in np.argwhere(counts) if len(shown) == len(labels) else ():
        colour = "white" if shares[row, column] > 0.3 else "black"
        axes.text(column, row, f"{counts[row, column]:,}", ha="center", va="center", color=colour, fontsize=points)
    return figure


def draw_reliability(report: Report, model: str) -> Figure:
    """Return two panels: accuracy against confidence bin by bin, and below it how many images each bin has.

    The threshold below which the model is unsure, if it has one, is a line in the upper.
    """
    figure = _figure(6, 7, f"{model}: calibration error {report.calibration_error:.1%}")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    confidences, accuracies = [b.confidence for b in report.bins], [b.accuracy for b in report.bins]
    images = np.array([b.images for b in report.bins])
    upper.plot([0, 1], [0, 1], "--", color=GREY, label="perfect calibration")
    upper.vlines(confidences, confidences, accuracies, color=ORANGE, linewidth=2, label="distance from it")
    upper.scatter(confidences, accuracies, 25 + 225 * images / images.max(), color=BLUE, zorder=3, label="images")
    if answers := report.answers:
        upper.axvline(answers.below, color=GREEN, linestyle=":", linewidth=2, label=f"unsure below {answers.below:.1%}")
    upper.set(ylabel="accuracy", xlim=(0, 1.02), ylim=(-0.03, 1.05))
    upper.yaxis.set_major_formatter(PercentFormatter(1))
    width = report.bins[0].high - report.bins[0].low
    bars = lower.bar([b.low + width / 2 for b in report.bins], images, 0.9 * width, color=BLUE)
    lower.bar_label(bars, [f"{count:,}" for count in images], fontsize=8, padding=1)
    lower.set(xlabel="confidence in the best label", ylabel="images", ylim=(0, 1.2 * images.max()))
    lower.xaxis.set_major_formatter(PercentFormatter(1))
    for axes in (upper, lower):
        _tidy(axes)
    figure.legend(loc="outside lower center", ncols=2, fontsize=9, frameon=False, markerscale=0.7)
    return figure


def draw_mistakes(mistakes: "Sequence[Mistake]", pictures: Sequence[NDArray[np.uint8]], title: str) -> Figure:
    """Return one cell for each of `mistakes` with its picture, uint8 RGB [H, W, 3], and what was made of it."""
    columns = min(COLUMNS, len(mistakes))
    rows = math.ceil(len(mistakes) / columns)
    # A single cell is narrower than its title.
    figure = _figure(CELL_INCHES[0] * max(columns, 2), CELL_INCHES[1] * rows + 0.5, title)
    figure.set_layout_engine("constrained", h_pad=0.08)
    cells: list[Axes] = list(np.ravel(figure.subplots(rows, columns, squeeze=False)))
    for axes in cells:
        axes.set_axis_off()
    for axes, mistake, picture in zip(cells, mistakes, pictures, strict=False):
        axes.set_anchor("N")  # captions of a row are on one line, whatever the shape of the pictures
        axes.imshow(picture, interpolation="nearest" if max(picture.shape) < SMALL_PX else "antialiased")
        said = f"\N{RIGHTWARDS ARROW} {mistake.predicted} ({mistake.confidence:.0%})"
        lines = [f"{mistake.true} {said}"]
        if len(lines[0]) > CAPTION_CHARACTERS:
            lines = [mistake.true, said]
        axes.set_title("\n".join(shortened(line, CAPTION_CHARACTERS) for line in (*lines, mistake.name)), fontsize=9)
    return figure


def _figure(width: float, height: float, title: str) -> Figure:
    """Return a figure of this size in inches, with a title that grows with it and is wrapped to its width."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    points = max(11.0, 0.6 * width)
    figure.suptitle("\n".join(textwrap.wrap(readable(title), int(120 * width / points))), fontsize=points)
    return figure


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    axes.grid(alpha=0.3)


def shortened(text: str, characters: int) -> str:
    """Return `text` without its middle if it is longer than `characters`; bytes that are no text become escapes."""
    shown = readable(text)
    if len(shown) <= characters:
        return shown
    half = (characters - 1) // 2
    return f"{shown[:half]}\N{HORIZONTAL ELLIPSIS}{shown[-half:]}"


def readable(text: str) -> str:
    """Return `text`, of a file name perhaps, with escapes for bytes that are no text, which no font has."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def save_figure(figure: Figure, path: Path) -> None:
    """Write `figure` to `path`, whole or not at all, as a PNG or as an SVG by its suffix."""
    for text in figure.findobj(Text):
        text.set_parse_math(False)  # a label may hold dollar signs and is no formula
    with replacing(path) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)  # it is drawn as a box
        figure.savefig(temporary)
