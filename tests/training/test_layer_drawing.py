import io
import itertools
from collections.abc import Sequence

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.transforms import Bbox
from PIL import Image

from training.layer_drawing import draw_layers
from training.layer_table import LayerRow, tabulate_layers
from training.networks.catalogue import build_network

DEEP = ("vgg16", "resnet50", "inceptionv3", "mobilenetv2", "efficientnetv2-b0")
# In inches: what rounding may bring an arrow into the box it ends at.
SLACK = 1e-6


def boxes_of(figure: Figure) -> list[Bbox]:
    return [
        Bbox.from_bounds(patch.get_x(), patch.get_y(), patch.get_width(), patch.get_height())
        for patch in figure.axes[0].patches
        if isinstance(patch, FancyBboxPatch)
    ]


def crosses(start: Sequence[float], end: Sequence[float], box: Bbox) -> bool:
    """Whether a straight line has a point inside a box, by looking at many of them."""
    points = ((start[0] + (end[0] - start[0]) * i / 50, start[1] + (end[1] - start[1]) * i / 50) for i in range(51))
    return any(box.x0 + SLACK < x < box.x1 - SLACK and box.y0 + SLACK < y < box.y1 - SLACK for x, y in points)


@pytest.mark.parametrize(
    "name",
    ["lenet", "minivggnet", "squeezenet", *(pytest.param(name, marks=pytest.mark.slow) for name in DEEP)],
)
def test_nothing_overlaps_and_nothing_is_cut(name: str) -> None:
    layers = tabulate_layers(build_network(name))
    figure = draw_layers(layers, name)
    boxes = boxes_of(figure)
    assert len(boxes) == len(layers)
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    arrows = [patch for patch in figure.axes[0].patches if isinstance(patch, FancyArrowPatch)]
    assert len(arrows) == sum(len(layer.inputs) for layer in layers)
    for arrow in arrows:
        for start, end in itertools.pairwise(arrow._path_original.vertices):  # without the head
            near = Bbox(
                [[min(start[0], end[0]), min(start[1], end[1])], [max(start[0], end[0]), max(start[1], end[1])]]
            )
            assert not any(crosses(start, end, box) for box in boxes if box.overlaps(near))
    assert_texts_fit(figure)


def assert_texts_fit(figure: Figure) -> None:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    to_inches = figure.dpi_scale_trans.inverted()
    width, height = figure.get_size_inches()
    title, totals, *texts = figure.axes[0].texts
    box_width = boxes_of(figure)[0].width
    for text in (title, totals, *texts):
        extent = text.get_window_extent(renderer).transformed(to_inches)
        assert 0 <= extent.x0 <= extent.x1 <= width, text.get_text()
        assert 0 <= extent.y0 <= extent.y1 <= height
    assert all(t.get_window_extent(renderer).transformed(to_inches).width < box_width for t in texts)


def test_a_box_says_name_kind_and_shape_and_the_picture_opens() -> None:
    layers = (
        LayerRow("image", "InputLayer", (28, 28, 1), 0, 0, ()),
        LayerRow("x" * 90, "Dense", (None, 7), 3, 4, (0,)),
    )
    figure = draw_layers(layers, "some")
    title, totals, *texts = (text.get_text() for text in figure.axes[0].texts)
    assert (title, totals) == ("some", "2 layers, 3 parameters, 4 multiply-adds")
    assert texts[:2] == ["image", "InputLayer  28x28x1"]
    assert texts[2].endswith("…")
    assert texts[3] == "Dense  ?x7"
    assert_texts_fit(figure)
    drawn = io.BytesIO()
    figure.savefig(drawn)
    assert Image.open(drawn).format == "PNG"
