"""Draw the layers of a network from top to bottom, folded into columns like a page where there are many."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from training.layer_layout import Layout, Place, lay_out
from training.layer_table import LayerRow, add_up
from training.report.plots import DPI

# All in inches, of which the axes have one for each of the figure's.
BOX_WIDTH, BOX_HEIGHT = 2.2, 0.44
PLACE_WIDTH, ROW_HEIGHT = 2.4, 0.7
GUTTER, MARGIN, TITLE_HEIGHT = 0.6, 0.3, 0.8
ROWS_PER_COLUMN = 30
NAME_CHARACTERS = 34
# Room for the line of totals above a single column.
SMALLEST_WIDTH = 5.2

COLOURS = {
    "Conv": "#cfe2f3",
    "Dense": "#d9d2e9",
    "Pooling": "#fce5cd",
    "Normalization": "#e2f0d9",
    "Concatenate": "#f4cccc",
    "Add": "#f4cccc",
    "Multiply": "#f4cccc",
}
OTHER_COLOUR = "#eeeeee"
LINE_COLOUR = "#555555"

Point = tuple[float, float]


@dataclass(frozen=True)
class _Column:
    """Some rows of the layout: the first, how many, and where x = 0 of the layout falls on the page."""

    first: int
    rows: int
    middle: float
    right: float


@dataclass(frozen=True)
class _Page:
    """Where the places of a layout are on paper; y grows downwards, as rows do."""

    columns: tuple[_Column, ...]

    def column(self, row: int) -> _Column:
        """Return the column that holds a row."""
        return next(c for c in self.columns if c.first <= row < c.first + c.rows)

    def centre(self, place: Place) -> Point:
        """Return the middle of what stands at a place."""
        column = self.column(place.row)
        y = MARGIN + TITLE_HEIGHT + (place.row - column.first + 0.5) * ROW_HEIGHT
        return column.middle + place.x * PLACE_WIDTH, y

    @property
    def size(self) -> Point:
        """Return width and height."""
        rows = max(column.rows for column in self.columns)
        width = self.columns[-1].right + MARGIN
        return max(width, SMALLEST_WIDTH), 2 * MARGIN + TITLE_HEIGHT + rows * ROW_HEIGHT


def draw_layers(layers: Sequence[LayerRow], name: str) -> Figure:
    """Return a box for each layer, with its name, kind and output shape, and an arrow to each that reads it."""
    layout = lay_out(layers)
    page = _Page(tuple(_fold(layout)))
    width, height = page.size
    figure = Figure(figsize=(width, height), dpi=DPI)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    axes.text(width / 2, MARGIN, name, ha="center", va="top", fontsize=12, weight="bold")
    axes.text(width / 2, MARGIN + TITLE_HEIGHT / 3, str(add_up(layers)), ha="center", va="top", fontsize=9)
    for edge in layout.edges:
        points = list(_route(edge, page))
        arrow = FancyArrowPatch(path=Path(points), arrowstyle="-|>", mutation_scale=8, linewidth=0.8, color=LINE_COLOUR)
        axes.add_patch(arrow)
    for layer, place in zip(layers, layout.places, strict=True):
        _draw_box(axes, layer, page.centre(place))
    return figure


def _fold(layout: Layout) -> Iterator[_Column]:
    """Yield columns of about equal length, broken where a single line leads on."""
    count = len(layout.widths)
    columns = math.ceil(count / ROWS_PER_COLUMN)
    ends = [row for row in range(1, count) if layout.widths[row - 1] == 1]
    wanted = [count * i / columns for i in range(1, columns)]
    # A break that leads several lines on is as bad as one a few rows away.
    breaks = sorted({min(ends, key=lambda row: abs(row - ideal) + 2 * layout.widths[row]) for ideal in wanted if ends})
    left = MARGIN
    for first, end in pairwise([0, *breaks, count]):
        x = [p.x for edge in layout.edges for p in edge if first <= p.row < end] or [0.0]
        width = (max(x) - min(x)) * PLACE_WIDTH + BOX_WIDTH
        if not breaks:  # a narrow picture stands in the middle of a page that its title makes wider
            left += max(SMALLEST_WIDTH - width - 2 * MARGIN, 0) / 2
        yield _Column(first, end - first, left + BOX_WIDTH / 2 - min(x) * PLACE_WIDTH, left + width)
        left += width + GUTTER


def _route(path: Sequence[Place], page: _Page) -> Iterator[Point]:
    """Yield the corners of an edge: straight down past other layers, and around to the next column."""
    for above, below in pairwise(path):
        (x, y), (next_x, next_y) = page.centre(above), page.centre(below)
        top = next_y - BOX_HEIGHT / 2
        yield x, y + BOX_HEIGHT / 2
        column = page.column(above.row)
        if page.column(below.row) is not column:
            aside = column.right + GUTTER / 2
            turn = (ROW_HEIGHT - BOX_HEIGHT) / 2
            yield x, y + BOX_HEIGHT / 2 + turn
            yield aside, y + BOX_HEIGHT / 2 + turn
            yield aside, top - turn
            yield next_x, top - turn
        yield next_x, top


def _draw_box(axes: Axes, layer: LayerRow, centre: Point) -> None:
    x, y = centre
    corner = (x - BOX_WIDTH / 2, y - BOX_HEIGHT / 2)
    colour = next((colour for part, colour in COLOURS.items() if part in layer.kind), OTHER_COLOUR)
    box = FancyBboxPatch(corner, BOX_WIDTH, BOX_HEIGHT, boxstyle="round,pad=0,rounding_size=0.06", linewidth=0.8)
    box.set(facecolor=colour, edgecolor=LINE_COLOUR)
    axes.add_patch(box)
    name = layer.name if len(layer.name) <= NAME_CHARACTERS else layer.name[: NAME_CHARACTERS - 1] + "…"
    axes.text(x, y - 0.085, name, ha="center", va="center", fontsize=7.5, weight="bold")
    axes.text(x, y + 0.095, f"{layer.kind}  {layer.shape_text}", ha="center", va="center", fontsize=7)
