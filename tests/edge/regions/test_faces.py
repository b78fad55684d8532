"""Faces stand where they are on photographs: by the cascade as the book has it."""

import cv2
import numpy as np
import pytest
from msgspec.structs import astuple

from edge.regions.faces import FaceFinder
from edge.result import Box
from tests.edge.regions.photographs import ASTRONAUT_FACE, overlap, photograph


def test_the_astronaut_has_one_face_where_it_was_measured() -> None:
    (box,) = FaceFinder().find(photograph("astronaut.png"))
    assert overlap(box, ASTRONAUT_FACE) >= 0.6


def test_it_is_what_the_book_does() -> None:
    """imutils.resize(width=300), detectMultiScale(1.1, 5, minSize=(30, 30)), and the way back."""
    picture = photograph("astronaut.png")
    grey = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (300, 300), interpolation=cv2.INTER_AREA)
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    ((x, y, w, h),) = cascade.detectMultiScale(grey, scaleFactor=1.1, minNeighbors=5, minSize=(30, 30))
    (box,) = FaceFinder().find(picture)
    assert np.abs(np.array(astuple(box)) - np.array([x, y, w, h]) * 512 / 300).max() <= 1  # whole pixels


@pytest.mark.parametrize("name", ["chelsea.png", "coffee.png", "rocket.jpg"])
def test_pictures_without_people_have_none(name: str) -> None:
    assert FaceFinder().find(photograph(name)) == []


@pytest.mark.parametrize(
    ("rectangle", "expected"),
    [
        ((1.4, 1.6, 2.2, 2.2), Box(1, 2, 3, 2)),
        ((-2, -3, 4, 5), Box(0, 0, 2, 2)),
        ((7, 8, 50, 60), Box(7, 8, 3, 12)),
        ((99, 99, 5, 5), Box(9, 19, 1, 1)),
        ((-9, -9, 2, 2), Box(0, 0, 1, 1)),
    ],
    ids=str,
)
def test_a_box_is_the_part_inside_of_the_picture(rectangle: tuple[float, ...], expected: Box) -> None:
    assert Box.clipped(*rectangle, (20, 10)) == expected  # type: ignore[arg-type]
