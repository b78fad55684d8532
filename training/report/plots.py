"""Draw a training and what came of it: rate, history, confusion matrix, reliability diagram, mistakes."""

import math
import textwrap
import warnings
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from edge.files import replacing
from training.epochs.history import History

if TYPE_CHECKING:
    from training.report.evaluation import Evaluation, Mistake, Report

DPI = 110
# A loss above so many times the ninth decile is a spike.
SPIKE = 3.0
# Above this many classes a number in every cell could not be read.
NUMBERED_CLASSES = 30
# Labels beside the confusion matrix are cut to so many characters; those past the first few need more room.
LABEL_CHARACTERS = 24
ROOMY_CHARACTERS = 8
INCHES_PER_CHARACTER = 0.085
# Of a title in its usual size, 12 points; in a larger figure it grows by so many points for each inch.
TITLE_CHARACTERS_PER_INCH = 9
TITLE_POINTS, TITLE_POINTS_PER_INCH = 12, 0.9
# The contact sheet of mistakes.
COLUMNS = 5
CELL_INCHES = (2.3, 2.7)
# As many characters as there is room for side by side above a picture of that width.
CAPTION_CHARACTERS = 30
# Below this side a picture is enlarged pixel by pixel, so that one sees what the network saw.
SMALL_PX = 64


def draw_history(history: History, title: str, baseline: float | None = None) -> Figure:
    """Return two panels side by side, loss and accuracy over the epochs, with the best epoch marked.

    A spike in the first epochs is cut off, so that the rest can be seen. `baseline` is the accuracy of the frozen head.
    """
    figure = Figure(figsize=(10, 4), dpi=DPI, layout="constrained")
    set_title(figure, title)
    epochs, best = np.arange(1, len(history.epochs) + 1), history.best_epoch()
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for series, label in ((name, "training"), (f"validation_{name}", "validation")):
            axes.plot(epochs, history.series(series), label=label, marker=".")
        axes.axvline(best, color="grey", linestyle=":", label=f"best epoch ({best})")
        axes.set(xlabel="epoch", ylabel=name, xlim=(0.5, len(epochs) + 0.5))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(alpha=0.3)
        if name == "loss":
            both = np.array(history.series("loss") + history.series("validation_loss"))
            if both.max() > SPIKE * (limit := float(np.quantile(both, 0.9))):
                axes.set_ylim(0, 1.5 * limit)
        elif baseline is not None:
            axes.axhline(baseline, color="tab:green", linestyle="--", label="validation, frozen")
        axes.legend(fontsize=9)
    return figure


def draw_schedule(rates: list[float], rates_per_epoch: float, title: str) -> Figure:
    """Return the learning rate over the epochs; an epoch has so many of the `rates`, which are equally far apart."""
    figure = Figure(figsize=(6, 4), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    axes.plot(np.arange(len(rates)) / rates_per_epoch, rates)
    set_title(figure, title)
    axes.set(xlabel="epochs done", ylabel="learning rate", ylim=(0, 1.05 * max(rates)))
    axes.grid(alpha=0.3)
    return figure


def draw_confusion(report: "Report", title: str) -> Figure:
    """Return the confusion matrix as a grid whose shade is the share of the true class."""
    counts = np.array(report.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    labels = [shortened(row.label, LABEL_CHARACTERS) for row in report.classes]
    room = INCHES_PER_CHARACTER * max(max(map(len, labels)) - ROOMY_CHARACTERS, 0)
    side = min(max(4.0, 1.5 + 0.5 * len(labels)), 24.0)
    figure = Figure(figsize=(side + room + 1, side + room), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    points = set_title(figure, title)
    figure.colorbar(image, shrink=0.8).set_label("share of the true class", fontsize=points)
    axes.set_xlabel("predicted", fontsize=points)
    axes.set_ylabel("true", fontsize=points)
    axes.set_xticks(range(len(labels)), labels, rotation=0 if max(map(len, labels)) <= 3 else 90)
    axes.set_yticks(range(len(labels)), labels)
    if len(labels) <= NUMBERED_CLASSES:
        for (row, column), count in np.ndenumerate(counts):
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(count) if count else "", ha="center", va="center", color=colour, fontsize=9)
    return figure


def draw_reliability(evaluation: "Evaluation", title: str) -> Figure:
    """Return two panels: accuracy against confidence bin by bin, and below it how many images each bin has.

    The threshold below which the model is unsure, if it has one, is a line in the upper.
    """
    figure = Figure(figsize=(6, 7.5), dpi=DPI, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    filled = [b for b in evaluation.bins if b.images]
    middles = [(b.low + b.high) / 2 for b in filled]
    width = filled[0].high - filled[0].low
    accuracies = [b.accuracy or 0.0 for b in filled]
    upper.bar(middles, accuracies, width, color="#9ecae1", edgecolor="white", label="accuracy")
    gaps = [b.gap for b in filled]
    style = {"color": "none", "edgecolor": "tab:red", "hatch": "////"}
    upper.bar(middles, gaps, width, accuracies, **style, label="gap to the mean confidence")
    upper.plot([0, 1], [0, 1], "--", color="black", label="perfect calibration")
    set_title(figure, title)
    upper.set(ylabel="accuracy", xlim=(0, 1), ylim=(0, 1.02))
    if answers := evaluation.answers:
        label = f"unsure below {answers.below:.2%}"
        upper.axvline(answers.below, color="tab:purple", linestyle=":", linewidth=2, label=label)
    shares = [100 * b.images / evaluation.report.images for b in filled]
    bars = lower.bar(middles, shares, width, color="grey", edgecolor="white")
    lower.bar_label(bars, [f"{b.images:,}" for b in filled], fontsize=7, padding=1)
    lower.set(xlabel="confidence in the best label", ylabel="% of images\n(number above)", ylim=(0, 115))
    for axes in (upper, lower):
        axes.set_axisbelow(True)
        axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    return figure


def draw_mistakes(mistakes: "Sequence[Mistake]", pictures: Sequence[NDArray[np.uint8]], title: str) -> Figure:
    """Return one cell for each of `mistakes` with its picture, uint8 RGB [H, W, 3], and what was made of it."""
    columns = min(COLUMNS, len(mistakes))
    rows = math.ceil(len(mistakes) / columns)
    # A single cell is narrower than its title.
    size = (max(CELL_INCHES[0] * columns, 2 * CELL_INCHES[0]), CELL_INCHES[1] * rows + 0.5)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    set_title(figure, title)
    figure.set_layout_engine("constrained", h_pad=0.08)
    cells: list[Axes] = list(np.ravel(figure.subplots(rows, columns, squeeze=False)))
    for axes in cells:
        axes.set_axis_off()
    for axes, mistake, picture in zip(cells, mistakes, pictures, strict=False):
        axes.set_anchor("N")  # captions of a row are on one line, whatever the shape of the pictures
        axes.imshow(picture, interpolation="nearest" if max(picture.shape) < SMALL_PX else "antialiased")
        axes.set_title(_caption(mistake), fontsize=9)
    return figure


def _caption(mistake: "Mistake") -> str:
    """Return the caption of a picture: 'true -> predicted (97 %)', in two lines if it is long, and the name."""
    said = f" ({100 * mistake.confidence:.0f} %)"
    arrow = "\N{RIGHTWARDS ARROW} "
    both = f"{mistake.true} {arrow}{mistake.predicted}{said}"
    if both != shortened(both, CAPTION_CHARACTERS):
        predicted = shortened(mistake.predicted, CAPTION_CHARACTERS - len(arrow + said))
        both = f"{shortened(mistake.true, CAPTION_CHARACTERS)}\n{arrow}{predicted}{said}"
    return f"{both}\n{shortened(mistake.name, CAPTION_CHARACTERS)}"


def set_title(figure: Figure, title: str) -> float:
    """Write `title` above `figure`, in as many lines as it takes, and return its size in points."""
    width = figure.get_size_inches()[0]
    points = max(TITLE_POINTS, TITLE_POINTS_PER_INCH * width)
    characters = int(width * TITLE_CHARACTERS_PER_INCH * TITLE_POINTS / points)
    figure.suptitle("\n".join(textwrap.wrap(readable(title), characters)), fontsize=points)
    return float(points)


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
    picture = render_figure(figure, path.suffix.removeprefix("."))
    with replacing(path) as temporary:
        temporary.write_bytes(picture)


def render_figure(figure: Figure, format_: str = "png") -> bytes:
    """Return `figure` as a picture, every text as it stands.

    A label may hold dollar signs and is no formula; a character that the font lacks becomes a box, without a
    word of it.
    """
    for text in figure.findobj(Text):
        text.set_parse_math(False)
    stream = BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        if format_ == "png":
            # `savefig` would draw everything twice.
            FigureCanvasAgg(figure).print_png(stream)  # type: ignore[no-untyped-call]
        else:
            figure.savefig(stream, format=format_)
    return stream.getvalue()
