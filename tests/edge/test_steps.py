"""The rules of the preprocessing steps, and how a person reads them."""

from collections.abc import Callable
from typing import get_args

import msgspec
import pytest

from edge.errors import ImageError
from edge.image import MAX_PIXELS
from edge.steps import (
    CentreCrop,
    ChannelsFirst,
    Fit,
    Grey,
    Method,
    Pad,
    Resize,
    ResizeSide,
    ReverseChannels,
    Scale,
    Standardise,
    Step,
    SubtractMean,
    describe,
    require_preparable,
)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ResizeSide("shorter", 0, "area"),
        lambda: CentreCrop(8193, 1),
        lambda: CentreCrop(1, 0),
        lambda: Fit(0, 1, "area", "replicate", 0),
        lambda: Fit(1, 1, "area", "replicate", 9),
        lambda: Fit(1, 1, "tf", "replicate", 0),  # type: ignore[arg-type]
        lambda: Pad(1, 1, 1, -1, "constant", 0),
        lambda: Pad(1, 1, 1, 1, "constant", 256),
        lambda: Resize(1, 1, "blurred"),  # type: ignore[arg-type]
        lambda: Scale(0),
        lambda: Standardise((1.0,), (1.0, 2.0)),
        lambda: Standardise((1.0,), (0.0,)),
    ],
)
def test_what_breaks_a_rule_is_refused(make: Callable[[], Step]) -> None:
    with pytest.raises(ValueError, match=r"."):
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
    assert msgspec.json.decode(msgspec.json.encode(step), type=Step) == step


NORMAL = (Scale(1 / 255), Standardise((0.5,) * 3, (0.25,) * 3))
METHODS = get_args(Method)
ORDINARY: list[tuple[Step, ...]] = [
    *((Resize(side, side, method), *NORMAL) for side in (28, 224, 1024, 4096) for method in METHODS),
    (ResizeSide("shorter", 256, "area"), CentreCrop(224, 224), *NORMAL),
    (ResizeSide("longer", 640, "area"), CentreCrop(640, 640), *NORMAL),
    (Fit(224, 224, "area", "constant", 0), *NORMAL),
    (Grey(), Resize(28, 28, "area"), *NORMAL),
    (Scale(1 / 255), Resize(224, 224, "tf")),
    (CentreCrop(224, 224), *NORMAL),
    (Pad(20, 20, 20, 20, "replicate", 0), Resize(224, 224, "linear"), *NORMAL),
]


@pytest.mark.parametrize(
    "size", [(8192, 12_000), (4080, 12_240), (480, 640), (20, 200), (1, 1), (16_000, 12_000)], ids=str
)
def test_no_photograph_is_refused(size: tuple[int, int]) -> None:
    for steps in ORDINARY:
        require_preparable(steps, *size, MAX_PIXELS)


@pytest.mark.parametrize(
    ("steps", "height", "width"),
    [
        ((ResizeSide("shorter", 256, "linear"), CentreCrop(224, 224)), 1, 65_535),
        ((ResizeSide("shorter", 256, "nearest"), CentreCrop(224, 224)), 10_000_000, 1),
        ((Resize(224, 224, "linear"),), 1, 1_000_000),
        ((CentreCrop(224, 224),), 1, 2_000_000),
        ((Pad(1000, 1000, 0, 0, "constant", 0), Resize(8, 8, "nearest")), 1, 1_000_000),
        ((Grey(), ResizeSide("shorter", 256, "cubic")), 1, 65_535),
    ],
)
def test_a_shape_that_becomes_huge_is_refused(steps: tuple[Step, ...], height: int, width: int) -> None:
    with pytest.raises(ImageError) as caught:
        require_preparable(steps, height, width, 1_000_000)
    assert caught.value.code == "too_many_pixels"
