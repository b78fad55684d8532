"""Normalisation and other scales and shifts by channel, in the weights; numbers are those of the rules."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from onnx import helper, numpy_helper

from tests.export.passes.graphs import chain, cleaned, network, normal

Link = tuple[str, list[Any], dict[str, Any]]

SHAPE = (6, 7, 8)
SCALE = np.linspace(0.5, 2, 4, dtype=np.float32)
MIXED = np.array([0.5, -1, 2, -3], np.float32)  # scales of both signs
SHIFT = normal(4, seed=9)
RELU: Link = ("Relu", [], {})
POOL: Link = ("MaxPool", [], {"kernel_shape": [2, 2], "strides": [2, 2]})


def by_channel(operator: str, values: np.ndarray) -> Link:
    return operator, [values.reshape(-1, 1, 1)], {}


def normalisation(scale: np.ndarray = SCALE) -> Link:
    count = len(scale)
    return "BatchNormalization", [scale, normal(count), normal(count, seed=1), np.abs(normal(count, seed=2))], {}


def convolution(group: int = 1, channels: int = 6, **attributes: object) -> Link:
    weights = [normal(4, channels // group, 3, 3), normal(4, seed=3)]
    return "Conv", weights, {"group": group, "pads": [1, 1, 1, 1]} | attributes


@pytest.mark.parametrize("group", [1, 2])
@pytest.mark.parametrize(
    "affine",
    [
        [normalisation(MIXED)],
        [by_channel("Mul", MIXED), by_channel("Add", SHIFT)],
        [by_channel("Sub", SHIFT), by_channel("Div", MIXED)],
        [("Mul", [np.float32(0.25)], {})],
    ],
    ids=["normalisation", "scale and shift", "the inverse", "one number"],
)
def test_what_stands_behind_a_convolution_folds(affine: list[Link], group: int) -> None:  # rule 1
    assert cleaned(chain(convolution(group), *affine, shape=SHAPE)) == {"Conv": 1}


@pytest.mark.parametrize("sides", [(9,), (5, 6, 7)])
def test_what_stands_before_a_convolution_along_one_or_three_axes_folds(sides: tuple[int, ...]) -> None:  # rule 3
    kernel = normal(3, 2, *[3] * len(sides))
    scale = ("Mul", [MIXED.reshape(-1, *[1] * len(sides))], {})
    shift = ("Add", [SHIFT.reshape(-1, *[1] * len(sides))], {})
    assert cleaned(chain(scale, shift, ("Conv", [kernel[:2]], {"group": 2}), shape=(4, *sides))) == {"Conv": 1}


def test_what_stands_around_a_dense_layer_folds() -> None:  # rules 1 and 2
    dense = ("MatMul", [normal(4, 5)], {})
    model = chain(normalisation(MIXED), dense, normalisation(normal(5)), shape=(4,))
    assert cleaned(model) == {"Gemm": 1}


def test_what_stands_before_a_flattened_picture_folds() -> None:  # rule 2
    dense = ("MatMul", [normal(4 * 56, 3)], {})
    model = chain(normalisation(MIXED), ("Flatten", [], {}), dense, shape=(4, 7, 8))
    assert cleaned(model) == {"Reshape": 1, "Gemm": 1}


@pytest.mark.parametrize("group", [1, 2, 4])
def test_what_stands_before_a_convolution_without_border_folds(group: int) -> None:  # rule 3
    model = chain(normalisation(MIXED), convolution(group, 4, pads=[0, 0, 0, 0]), shape=(4, 7, 8))
    assert cleaned(model) == {"Conv": 1}


def test_a_scale_folds_into_a_convolution_with_border_and_a_shift_does_not() -> None:  # rule 3
    scaled = chain(by_channel("Mul", MIXED), convolution(channels=4), shape=(4, 7, 8))
    assert cleaned(scaled) == {"Conv": 1}
    shifted = chain(by_channel("Add", SHIFT), convolution(channels=4), shape=(4, 7, 8))
    assert cleaned(shifted) == {"Add": 1, "Conv": 1}


def test_two_in_a_row_become_one() -> None:  # rule 4
    adds = chain(RELU, by_channel("Add", SHIFT), ("Add", [np.float32(3)], {}), shape=(4, 7, 8))
    assert cleaned(adds) == {"Relu": 1, "Add": 1}
    scales = chain(RELU, by_channel("Mul", MIXED), by_channel("Mul", SCALE), shape=(4, 7, 8))
    assert cleaned(scales) == {"Relu": 1, "Mul": 1}


def test_a_positive_scale_passes_the_relu_and_a_negative_one_does_not() -> None:  # rule 5
    behind = by_channel("Add", SHIFT)
    assert cleaned(chain(convolution(), RELU, by_channel("Mul", SCALE), behind, shape=SHAPE)) == {
        "Conv": 1,
        "Relu": 1,
        "Add": 1,
    }
    assert cleaned(chain(convolution(), RELU, by_channel("Mul", MIXED), behind, shape=SHAPE)) == {
        "Conv": 1,
        "Relu": 1,
        "Mul": 1,
        "Add": 1,
    }


def test_a_shift_goes_behind_the_pooling() -> None:  # rule 6
    model = chain(RELU, by_channel("Add", SHIFT), POOL, by_channel("Add", SHIFT), shape=(4, 8, 8))
    assert cleaned(model) == {"Relu": 1, "MaxPool": 1, "Add": 1}  # and there meets the other, rule 4
    negative = chain(RELU, by_channel("Mul", MIXED), POOL, by_channel("Mul", SCALE), shape=(4, 8, 8))
    assert cleaned(negative)["Mul"] == 2


def test_a_convolution_that_others_read_keeps_its_weights() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Mul", ["c", "s"], ["m"]),
        helper.make_node("Add", ["c", "m"], ["y"]),
    ]
    constants = {"w": normal(4, 6, 3, 3), "s": SCALE.reshape(4, 1, 1)}
    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    assert cleaned(network(nodes, tensors, SHAPE, "y")) == {"Conv": 1, "Mul": 1, "Add": 1}


def test_what_is_not_by_channel_stays() -> None:
    wide = ("Add", [normal(1, 1, 7, 8)], {})
    assert cleaned(chain(convolution(), wide, shape=SHAPE)) == Counter({"Conv": 1, "Add": 1})


def test_a_division_by_zero_is_left_alone() -> None:
    zero = by_channel("Div", np.array([1, 2, 0, 4], np.float32))
    with np.errstate(divide="ignore"):
        assert cleaned(chain(convolution(), zero, shape=SHAPE)) == {"Conv": 1, "Div": 1}
