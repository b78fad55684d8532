import io

import numpy as np
import pytest
from PIL import Image

from training.dataset import Dataset
from training.evaluation import Evaluation, Mistake, evaluate
from training.evaluation_plots import CAPTION_CHARACTERS, caption, draw_mistakes, draw_reliability


def evaluation_of(confidences: np.ndarray, abstain_below: float | None = None) -> Evaluation:
    """Two classes; every picture is of the first, which the network gives `confidences`."""
    names = (*(f"a/{i}.png" for i in range(len(confidences))), "b/0.png")
    dataset = Dataset("some", ("a", "b"), names, np.array([0] * len(confidences) + [1]), lambda _: b"")
    first = np.append(confidences, 0.01)
    return evaluate(dataset, ("a", "b"), np.stack([first, 1 - first], axis=1).astype(np.float32), abstain_below)


def test_the_reliability_diagram_shows_the_bins() -> None:
    found = evaluation_of(np.linspace(0.3, 0.99, 40))
    figure = draw_reliability(found, "title")
    upper, lower = figure.axes
    filled = [b for b in found.bins if b.images]
    bars, gaps = upper.containers
    assert [bar.get_height() for bar in bars] == pytest.approx([b.accuracy for b in filled])
    assert [g.get_y() + g.get_height() for g in gaps] == pytest.approx([b.confidence for b in filled])
    assert sum(bar.get_height() for bar in lower.containers[0]) == pytest.approx(100)
    assert upper.get_ylabel() == "accuracy"
    assert lower.get_xlabel()


def test_the_threshold_is_a_line() -> None:
    figure = draw_reliability(evaluation_of(np.linspace(0.3, 0.99, 40), 0.62), "title")
    assert list(figure.axes[0].lines[-1].get_xdata()) == [0.62, 0.62]
    (legend,) = figure.legends
    assert "unsure below 62.00%" in [text.get_text() for text in legend.get_texts()]


def test_every_cell_shows_the_picture_of_its_mistake() -> None:
    mistakes = [Mistake(i, f"b/{i}.png", "b", "a", 0.9 - i / 10) for i in range(7)]
    pictures = [np.full((8, 6, 3), 30 * i, np.uint8) for i in range(7)]
    figure = draw_mistakes(mistakes, pictures, "title")
    cells = [axes for axes in figure.axes if axes.images]
    assert len(cells) == 7
    for i, axes in enumerate(cells):
        assert axes.get_title() == f"b → a ({90 - 10 * i} %)\nb/{i}.png"
        assert np.array_equal(axes.images[0].get_array(), pictures[i])
    drawn = io.BytesIO()
    figure.savefig(drawn)
    width, height = Image.open(drawn).size
    assert width > height


def test_a_caption_stays_in_its_cell_whatever_the_name_holds() -> None:
    mistake = Mistake(0, "far/" * 20 + "\udcff.png", "a very long label, number 1", "a very long label, number 2", 1.0)
    true, predicted, name = caption(mistake).split("\n")
    assert all(len(line) <= CAPTION_CHARACTERS for line in (true, predicted, name))
    # Both labels can be told from each other.
    assert true == "a very long label, number 1"
    assert predicted == "→ a very lo… number 2 (100 %)"
    assert name.endswith(r"\udcff.png")
