"""The rules of the preprocessing steps, and how a person reads them."""

from collections.abc import Callable

import pytest

from edge.steps import (
    LARGEST_SIDE_PX,
    CentreCrop,
    ChannelsFirst,
    Fit,
    Grey,
    Pad,
    Resize,
    ResizeSide,
    ReverseChannels,
    Scale,
    Standardise,
    Step,
    SubtractMean,
    describe,
)
from edge.strict_json import decode, encode


@pytest.mark.parametrize(("height", "width"), [(0, 8), (8, 0), (-1, 8), (8, LARGEST_SIDE_PX + 1)])
def test_a_side_out_of_range_is_refused(height: int, width: int) -> None:
    name, side = ("height", height) if height != 8 else ("width", width)
    with pytest.raises(ValueError, match=rf"^resize: {name} must be 1 to 8192 pixels\. Received: {side}$"):
        Resize(height, width, "linear")


def test_a_factor_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="factor must not be 0"):
        Scale(0.0)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ResizeSide("shorter", 0, "area"), "resize_side: length must be 1 to 8192"),
        (lambda: CentreCrop(8193, 1), "centre_crop: height must be 1 to 8192"),
        (lambda: CentreCrop(1, 0), "centre_crop: width must be 1 to 8192"),
        (lambda: Fit(0, 1, "area", "replicate", 0), "fit: height must be 1 to 8192"),
        (lambda: Fit(1, 1, "area", "replicate", 9), "0 for replicate. Received: 9"),
        (lambda: Fit(1, 1, "tf", "replicate", 0), "fit: method must be one that gives whole levels. Received: tf"),
        (lambda: Pad(1, 1, 1, -1, "constant", 0), "pad: right must be 0 to 8192 pixels. Received: -1"),
        (lambda: Pad(1, 1, 1, 1, "constant", 256), "a level 0 to 255"),
        (lambda: Standardise((1.0,), (1.0, 2.0)), "1 means for 2 standard deviations"),
        (lambda: Standardise((1.0,), (0.0,)), "must be above 0"),
    ],
)
def test_what_breaks_a_rule_is_refused(make: Callable[[], Step], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()


DESCRIBED = [
    (Resize(28, 32, "antialias"), "resize to 28x32 (antialias)"),
    (ResizeSide("shorter", 256, "area"), "resize shorter side to 256 (area)"),
    (CentreCrop(224, 200), "crop the middle 224x200"),
    (Pad(1, 2, 3, 4, "constant", 255), "pad 1, 2, 3, 4 (level 255)"),
    (Fit(28, 28, "area", "replicate", 0), "fit into 28x28 (area, replicate)"),
    (Grey(), "grey"),
    (ReverseChannels(), "reverse channels"),
    (Scale(1 / 255), "scale by 0.00392157"),
    (Scale(2.0), "scale by 2"),
    (SubtractMean((103.939, 116.779, 123.68)), "subtract 103.939/116.779/123.68"),
    (Standardise((0.5, 0.4), (0.25, 0.2)), "subtract 0.5/0.4 and divide by 0.25/0.2"),
    (ChannelsFirst(), "channels first"),
]


@pytest.mark.parametrize(("step", "text"), DESCRIBED)
def test_a_step_is_described_in_a_few_words(step: Step, text: str) -> None:
    assert describe(step) == text


@pytest.mark.parametrize("step", [step for step, _ in DESCRIBED], ids=str)
def test_a_step_survives_json(step: Step) -> None:
    assert decode(type(step), encode(step), "step") == step
