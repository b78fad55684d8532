"""Draw a training: its learning rate before it starts, its history while it runs, its confusion matrix after."""

import textwrap
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from edge.files import replacing
from training.history import History
from training.report import Report

DPI = 110
POINTS_PER_INCH = 72
# Above this many classes a number in every cell could not be read.
NUMBERED_CLASSES = 30
# Labels beside the confusion matrix are cut to so many characters; those past the first few need more room.
LABEL_CHARACTERS = 24
ROOMY_CHARACTERS = 8
INCHES_PER_CHARACTER = 0.085
# Of a title in its usual size, 12 points; in a larger figure it grows by so many points for each inch.
TITLE_CHARACTERS_PER_INCH = 9
TITLE_POINTS, TITLE_POINTS_PER_INCH = 12, 0.9


class HistoryPlot:
    """Two panels side by side, loss and accuracy over the epochs, training and held out.

    One figure for the whole training: it is drawn after every epoch, while the training waits for the processor, and
    axes, ticks and legends made once take a third of the time. So do margins that are given and not searched for.
    """

    def __init__(self, title: str) -> None:
        self._figure = Figure(figsize=(10, 4), dpi=DPI)
        points = set_title(self._figure, title)
        lines = self._figure.get_suptitle().count("\n") + 1
        top = 1 - (lines * 1.3 * points / POINTS_PER_INCH + 0.15) / 4
        self._figure.subplots_adjust(left=0.075, right=0.985, bottom=0.13, top=top, wspace=0.22)
        self._lines: dict[str, Line2D] = {}
        for axes, name in zip(self._figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
            for series, label in ((name, "training"), (f"held_out_{name}", "held out")):
                (self._lines[series],) = axes.plot([], [], label=label, marker=".")
            axes.set(xlabel="epoch", ylabel=name)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            axes.grid(alpha=0.3)
            axes.legend()

    def draw(self, history: History) -> Figure:
        """Return the one figure, with `history` in it."""
        epochs = np.arange(1, len(history.epochs) + 1)
        for series, line in self._lines.items():
            line.set_data(epochs, history.series(series))
        for axes in self._figure.axes:
            axes.relim()
            axes.autoscale_view()
            axes.set_xlim(0.5, len(epochs) + 0.5)
        return self._figure


def draw_schedule(rates: list[float], rates_per_epoch: float, title: str) -> Figure:
    """Return the learning rate over the epochs; an epoch has so many of the `rates`, which are equally far apart."""
    figure = Figure(figsize=(6, 4), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    axes.plot(np.arange(len(rates)) / rates_per_epoch, rates)
    set_title(figure, title)
    axes.set(xlabel="epochs done", ylabel="learning rate", ylim=(0, 1.05 * max(rates)))
    axes.grid(alpha=0.3)
    return figure


def draw_confusion(report: Report, title: str) -> Figure:
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
