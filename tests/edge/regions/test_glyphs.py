"""Glyphs: drawn codes give the boxes that they were drawn in; what is not as expected is never made to fit."""

import cv2
import numpy as np
import pytest
from msgspec.structs import astuple

from edge.regions.glyphs import find_glyphs
from edge.result import Box
from tests.edge.regions.drawn_glyphs import code, hershey, touching_one

# Otsu puts the edge between ink and ground a pixel further out or in than the half of black.
SLACK_PX = 1


def distances(found: tuple[Box, ...], drawn: list[Box]) -> np.ndarray:
    return np.abs(np.array([astuple(box) for box in found]) - np.array([astuple(box) for box in drawn]))


@pytest.mark.parametrize(("text", "size"), [("1234", 20), ("5678", 34), ("9111", 34), ("7391", 60), ("8888", 34)])
def test_four_digits_stand_where_they_were_drawn(text: str, size: int) -> None:
    picture, drawn = code(text, size=size, height=2 * size)
    found = find_glyphs(picture, 4)
    assert found.split == 0
    assert distances(found.boxes, drawn).max() <= SLACK_PX


@pytest.mark.parametrize(("text", "gap"), [("4444", -2), ("3885", -1), ("7256", -2)])
def test_touching_digits_are_cut_near_where_they_touch(text: str, gap: int) -> None:
    picture, drawn = code(text, gap)
    ink = (picture[:, :, 0] < 128).astype(np.uint8)
    assert len(cv2.findContours(ink, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]) < 4
    found = find_glyphs(picture, 4)
    assert len(found.boxes) == 4
    assert found.split >= 2
    assert distances(found.boxes, drawn)[:, [0, 2]].max() <= 5  # less than a third of a digit


@pytest.mark.parametrize("behind", ["6", "9", "2", "8"])
def test_a_one_is_cut_from_the_digit_that_its_stroke_touches(behind: str) -> None:
    picture, (one, second) = touching_one("77", behind)
    assert len(find_glyphs(picture, 3, digits=True).boxes) == 3  # so many pieces of ink, all as they should be
    found = find_glyphs(picture, 4, digits=True).boxes
    assert len(found) == 4
    assert distances(found[:2], [one, second])[:, [0, 2]].max() <= 3


@pytest.mark.parametrize("width", [78, 90, 110])
def test_a_block_without_a_lighter_column_is_no_one_and_another(width: int) -> None:
    picture = np.full((160, 200, 3), 255, np.uint8)
    picture[30:130, 60 : 60 + width] = 0
    found = find_glyphs(picture, 2, digits=True)
    # Two equal parts, as where there may be letters: nothing here speaks for a 1.
    assert found == find_glyphs(picture, 2)
    assert sum(box.width for box in found.boxes) == width


@pytest.mark.parametrize("text", ["688", "566", "945", "451"])
def test_no_digit_is_taken_for_a_one_and_another(text: str) -> None:
    assert len(find_glyphs(code(text, size=40)[0], 4, digits=True).boxes) == 3
    assert len(find_glyphs(hershey(text), 4, digits=True).boxes) == 3
    for stretch in (1.2, 1.4):
        wide = cv2.resize(code(text, size=40)[0], None, fx=stretch, fy=1)
        assert len(find_glyphs(wide, 4, digits=True).boxes) == 3


@pytest.mark.parametrize("text", ["1", "73", "890", "88888", "123456"])
def test_fewer_or_more_stay_fewer_or_more(text: str) -> None:
    picture, drawn = code(text)
    found = find_glyphs(picture, 4)
    assert found.split == 0
    assert distances(found.boxes, drawn).max() <= SLACK_PX


@pytest.mark.parametrize("pair", ["38", "88", "65"])
def test_five_of_which_two_touch_are_not_taken_for_four(pair: str) -> None:
    picture = np.hstack([code("739")[0], code(pair, -2)[0]])
    ink = (picture[:, :, 0] < 128).astype(np.uint8)
    assert len(cv2.findContours(ink, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]) == 4
    assert len(find_glyphs(picture, 4, digits=True).boxes) == 5
