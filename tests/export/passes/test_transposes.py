"""Axes that are moved for nothing."""

from collections import Counter

import numpy as np

from export.passes import clean
from tests.export.passes.graphs import chain, cleaned, normal

LAST, FIRST = ("Transpose", [], {"perm": [0, 2, 3, 1]}), ("Transpose", [], {"perm": [0, 3, 1, 2]})


def mean(*axes: int, keepdims: int) -> "tuple[str, list[np.ndarray], dict[str, int]]":
    return "ReduceMean", [np.array(axes)], {"keepdims": keepdims}


def test_there_and_back_is_nothing() -> None:  # rule 1
    assert cleaned(chain(LAST, FIRST, ("Relu", [], {}), shape=(3, 4, 5))) == {"Relu": 1}


def test_two_turns_in_one_direction_become_one() -> None:  # rule 1
    assert cleaned(chain(LAST, LAST, ("Relu", [], {}), shape=(3, 4, 5))) == {"Transpose": 1, "Relu": 1}


def test_an_axis_of_length_one_is_moved_by_a_reshape() -> None:  # rule 1
    assert cleaned(chain(FIRST, ("Relu", [], {}), shape=(4, 5, 1))) == {"Reshape": 1, "Relu": 1}


def test_a_mean_over_the_picture_is_a_pooling() -> None:  # rule 2
    for model in (
        chain(LAST, mean(1, 2, keepdims=0), shape=(3, 4, 5)),
        chain(mean(-1, 2, keepdims=0), shape=(3, 4, 5)),
        chain(LAST, mean(1, 2, keepdims=1), shape=(3, 4, 5)),
    ):
        assert cleaned(model) == {"GlobalAveragePool": 1, "Reshape": 1}
    assert cleaned(chain(mean(2, 3, keepdims=1), shape=(3, 4, 5))) == {"GlobalAveragePool": 1}


def test_a_mean_over_channels_stays() -> None:
    assert cleaned(chain(mean(1, keepdims=0), shape=(3, 4, 5))) == {"ReduceMean": 1}


def test_a_mean_of_what_has_no_known_shape_stays() -> None:
    """A Squeeze without axes takes away whatever has length 1, which may be the batch."""
    model = chain(("Squeeze", [], {}), mean(-1, keepdims=0), shape=(3, 4, 1))
    assert Counter(node.op_type for node in clean(model).graph.node) == {"Squeeze": 1, "ReduceMean": 1}


def test_the_order_of_a_flattened_picture_goes_into_the_weights() -> None:  # rule 3
    model = chain(LAST, ("Flatten", [], {}), ("MatMul", [normal(60, 7)], {}), shape=(3, 4, 5))
    assert cleaned(model) == {"Reshape": 1, "Gemm": 1}
