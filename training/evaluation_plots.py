"""Draw an evaluation: the reliability diagram, and the worst mistakes as a contact sheet."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from training.evaluation import Evaluation, Mistake
from training.plots import DPI, set_title, shortened

COLUMNS = 5
CELL_INCHES = (2.3, 2.7)
# As many characters as stand side by side above a picture of that width.
CAPTION_CHARACTERS = 30
# Below this side a picture is enlarged pixel by pixel, so that one sees what the network saw.
SMALL_PX = 64


def draw_reliability(evaluation: Evaluation, title: str) -> Figure:
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


def draw_mistakes(mistakes: Sequence[Mistake], pictures: Sequence[NDArray[np.uint8]], title: str) -> Figure:
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
        axes.set_anchor("N")  # captions of a row stand side by side, whatever the shape of the pictures
        axes.imshow(picture, interpolation="nearest" if max(picture.shape) < SMALL_PX else "antialiased")
        axes.set_title(caption(mistake), fontsize=9)
    return figure


def caption(mistake: Mistake) -> str:
    """Return what stands above a picture: 'true -> predicted (97 %)', in two lines if it is long, and the name."""
    said = f" ({100 * mistake.confidence:.0f} %)"
    arrow = "\N{RIGHTWARDS ARROW} "
    both = f"{mistake.true} {arrow}{mistake.predicted}{said}"
    if both != shortened(both, CAPTION_CHARACTERS):
        predicted = shortened(mistake.predicted, CAPTION_CHARACTERS - len(arrow + said))
        both = f"{shortened(mistake.true, CAPTION_CHARACTERS)}\n{arrow}{predicted}{said}"
    return f"{both}\n{shortened(mistake.name, CAPTION_CHARACTERS)}"
