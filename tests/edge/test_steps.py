"""The rules of the preprocessing steps, and how a person reads them."""

import pytest

from edge.steps import LARGEST_SIDE_PX, Grey, Resize, Scale, Step, describe


@pytest.mark.parametrize(("height", "width"), [(0, 8), (8, 0), (-1, 8), (8, LARGEST_SIDE_PX + 1)])
def test_a_side_out_of_range_is_refused(height: int, width: int) -> None:
    name, side = ("height", height) if height != 8 else ("width", width)
    with pytest.raises(ValueError, match=rf"^resize: {name} must be 1 to 8192 pixels\. Received: {side}$"):
        Resize(height, width, "linear")


def test_a_factor_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="factor must not be 0"):
        Scale(0.0)


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (Resize(28, 32, "antialias"), "resize to 28x32 (antialias)"),
        (Grey(), "grey"),
        (Scale(1 / 255), "scale by 0.00392157"),
        (Scale(2.0), "scale by 2"),
    ],
)
def test_a_step_is_described_in_a_few_words(step: Step, text: str) -> None:
    assert describe(step) == text
