"""Boxes are clipped to the picture, against the same with NumPy's masks."""

import numpy as np
import pytest

from edge.regions.region import Box, clipped


@pytest.mark.parametrize(
    ("rectangle", "expected"),
    [
        ((2, 3, 4, 5), Box(2, 3, 4, 5)),
        ((-2, -3, 4, 5), Box(0, 0, 2, 2)),
        ((7, 8, 50, 60), Box(7, 8, 3, 12)),
        ((1.4, 1.6, 2.2, 2.2), Box(1, 2, 3, 2)),
        ((99, 99, 5, 5), Box(9, 19, 1, 1)),
        ((-9, -9, 2, 2), Box(0, 0, 1, 1)),
    ],
    ids=str,
)
def test_a_box_is_the_part_inside_of_the_picture(rectangle: tuple[float, ...], expected: Box) -> None:
    found = clipped(*rectangle, 20, 10)  # type: ignore[arg-type]
    assert found == expected
    mask = np.zeros((20, 10), bool)
    mask[found.y : found.y + found.height, found.x : found.x + found.width] = True
    assert mask.sum() == found.width * found.height
