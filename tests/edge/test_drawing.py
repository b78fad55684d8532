"""Drawings: where boxes and labels stand, and that they can be told from any ground, by NumPy on the pixels."""

from dataclasses import replace

import numpy as np
import pytest

from edge.classification import Classification, Prediction
from edge.drawing import annotate, drawable
from edge.regions.region import Box, Region
from tests.edge.pictures import noise

LABEL = (Prediction("smiling", 0.98),)
WHOLE = Classification(LABEL, None, False)


def of_regions(*boxes: Box) -> Classification:
    return Classification((), None, False, tuple(Region(box, LABEL, False) for box in boxes))


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return (before != after).any(axis=2)


@pytest.mark.parametrize("ground", ["black", "white", "noise"])
def test_a_label_stands_out_from_any_ground(ground: str) -> None:
    picture = {
        "black": np.zeros((300, 400, 3), np.uint8),
        "white": np.full((300, 400, 3), 255, np.uint8),
        "noise": noise(300, 400, 3),
    }[ground]
    drawn = annotate(picture, WHOLE)
    assert drawn.shape == picture.shape
    label = drawn[:22, :60]
    luma = label @ [0.299, 0.587, 0.114]
    assert (luma < 20).mean() > 0.3  # its own ground
    assert (luma > 235).mean() > 0.05  # letters
    assert not changed(picture, drawn)[60:].any()


def test_the_picture_itself_is_left_alone() -> None:
    picture = noise(300, 400, 3)
    before = picture.copy()
    annotate(picture, of_regions(Box(10, 100, 50, 60)))
    assert np.array_equal(picture, before)


def test_a_box_is_drawn_on_its_edge_and_leaves_its_inside() -> None:
    picture = noise(480, 640, 3)
    box = Box(200, 150, 200, 100)
    drawn = annotate(picture, of_regions(box))
    difference = changed(picture, drawn)
    edge = drawn[box.y, box.x : box.x + box.width]
    assert (edge == (64, 255, 64)).all()
    assert not difference[box.y + 6 : box.y + box.height - 6, box.x + 6 : box.x + box.width - 6].any()
    rows, columns = np.flatnonzero(difference.any(1)), np.flatnonzero(difference.any(0))
    assert rows[-1] <= box.y + box.height + 3  # the label stands above
    assert box.y - 40 < rows[0] < box.y - 10
    assert columns[0] >= box.x - 3
    assert columns[-1] <= box.x + box.width + 3


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (28, 28), (60, 170), (2000, 3000)], ids=str)
def test_small_pictures_are_enlarged_by_a_whole_factor(size: tuple[int, int]) -> None:
    picture = noise(*size, 3)
    drawn = annotate(picture, replace(WHOLE, predictions=(Prediction("a", 0.5),)))
    factor = max(-(-240 // min(size)), 1)
    assert drawn.shape == (size[0] * factor, size[1] * factor, 3)
    assert np.array_equal(drawn[-1, -1], picture[-1, -1])
    letters = np.flatnonzero((drawn[:, 1] == 0).all(axis=1))
    assert len(letters) >= 14  # the height of the label


def test_a_strip_is_not_enlarged_beyond_all_measure() -> None:
    assert annotate(noise(65535, 1, 3), WHOLE).size <= 3 * 16_000_000


def test_labels_of_neighbours_do_not_cover_each_other() -> None:
    """Each is black with a white rim: where they overlapped, the area would be less than twice that of one."""
    picture = np.full((480, 640, 3), 128, np.uint8)
    one = annotate(picture, of_regions(Box(300, 200, 40, 60)))
    two = annotate(picture, of_regions(Box(300, 200, 40, 60), Box(345, 200, 40, 60)))
    black = [(drawn == 0).all(axis=2).sum() for drawn in (one, two)]
    assert black[1] >= 1.9 * black[0]  # the outlines share an edge


def test_unsure_is_said_and_has_a_colour_of_its_own() -> None:
    picture = np.full((480, 640, 3), 128, np.uint8)
    box = Box(200, 150, 120, 100)
    unsure = Classification((), None, True, (Region(box, LABEL, True),))
    assert (annotate(picture, unsure)[box.y, box.x : box.x + box.width] == (255, 176, 0)).all()
    assert changed(annotate(picture, WHOLE), annotate(picture, replace(WHOLE, unsure=True))).any()


def test_a_long_label_is_written_smaller_and_stays_in_the_picture() -> None:
    picture = np.full((240, 240, 3), 128, np.uint8)
    drawn = annotate(picture, replace(WHOLE, predictions=(Prediction("long " * 12, 0.5),)))
    rim = (drawn == 255).all(axis=2)
    assert rim[0].sum() > 200  # the whole upper rim, from corner
    assert np.flatnonzero(rim[0])[-1] < 240


@pytest.mark.parametrize(
    ("text", "expected"), [("Äpfel é", "Apfel e"), ("猫", "<U+732B>"), ("a\tb", "a<U+0009>b"), ("½", "1<U+2044>2")]
)
def test_letters_that_opencv_lacks_are_written_in_others(text: str, expected: str) -> None:
    assert drawable(text) == expected
