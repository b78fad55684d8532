"""Borders that convolutions and poolings can make themselves."""

import numpy as np
import pytest

from tests.export.passes.graphs import chain, cleaned, normal

BORDER = np.array([0, 0, 1, 0, 0, 0, 0, 2])  # one row above, two columns to the right
CONV = ("Conv", [normal(5, 3, 3, 3)], {"pads": [1, 1, 1, 1], "strides": [2, 2]})
POOL = ("MaxPool", [], {"kernel_shape": [3, 3], "strides": [2, 2]})


def test_zeros_in_front_of_a_convolution_become_its_own() -> None:  # rule 1
    assert cleaned(chain(("Pad", [BORDER], {}), CONV, shape=(3, 9, 8))) == {"Conv": 1}


def test_zeros_around_what_is_not_negative_change_no_maximum() -> None:  # rule 2
    assert cleaned(chain(("Relu", [], {}), ("Pad", [BORDER], {}), POOL, shape=(3, 9, 8))) == {"Relu": 1, "MaxPool": 1}


def test_zeros_around_what_may_be_negative_stay() -> None:
    assert cleaned(chain(("Pad", [BORDER], {}), POOL, shape=(3, 9, 8)))["Pad"] == 1


@pytest.mark.parametrize(
    "pad",
    [
        ("Pad", [BORDER, np.float32(1)], {}),
        ("Pad", [BORDER], {"mode": "edge"}),
        ("Pad", [np.array([0, 1, 0, 0, 0, 0, 0, 0])], {}),
    ],
    ids=["ones", "edge", "channels"],
)
def test_any_other_border_stays(pad: "tuple[str, list[object], dict[str, object]]") -> None:
    channels = 4 if pad[1][0][1] else 3  # type: ignore[index]
    convolution = ("Conv", [normal(5, channels, 3, 3)], {})
    assert cleaned(chain(pad, convolution, shape=(3, 9, 8))) == {"Pad": 1, "Conv": 1}


def test_a_window_that_would_hold_no_value_keeps_its_zeros() -> None:
    wide = ("Pad", [np.array([0, 0, 3, 0, 0, 0, 0, 0])], {})
    assert cleaned(chain(("Relu", [], {}), wide, POOL, shape=(3, 9, 8)))["Pad"] == 1
