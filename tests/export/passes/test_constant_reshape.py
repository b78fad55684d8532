"""Shapes that are computed although they are known; numbers are those of the rules."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from tests.export.passes.graphs import chain, cleaned, network


def flatten_as_tf2onnx_writes_it() -> "list[object]":
    return [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Cast", ["shape"], ["short"], to=TensorProto.INT32),
        helper.make_node("Slice", ["short", "zero", "one", "zero"], ["batch"]),
        helper.make_node("Concat", ["batch", "rest"], ["target"], axis=0),
        helper.make_node("Cast", ["target"], ["long"], to=TensorProto.INT64),
        helper.make_node("Reshape", ["x", "long"], ["y"]),
    ]


def test_a_computed_shape_becomes_a_constant() -> None:  # rule 1
    constants = {
        "zero": np.array([0], np.int64),
        "one": np.array([1], np.int64),
        "rest": np.array([60], np.int32),
    }
    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    assert cleaned(network(flatten_as_tf2onnx_writes_it(), tensors, (4, 3, 5), "y")) == {"Reshape": 1}  # type: ignore[arg-type]


def test_flatten_and_squeeze_become_reshapes_and_those_one() -> None:  # rules 2 and 3
    squeezed = ("Squeeze", [np.array([2])], {})
    model = chain(squeezed, ("Unsqueeze", [np.array([1])], {}), ("Flatten", [], {}), shape=(4, 1, 5))
    assert cleaned(model) == {"Reshape": 1}


def test_one_that_changes_nothing_goes() -> None:  # rule 4
    model = chain(("Relu", [], {}), ("Reshape", [np.array([-1, 4, 5])], {}), ("Neg", [], {}), shape=(4, 5))
    assert cleaned(model) == {"Relu": 1, "Neg": 1}


def test_one_that_moves_values_between_pictures_stays() -> None:
    model = chain(("Reshape", [np.array([-1, 2])], {}), ("Relu", [], {}), shape=(4,))
    assert cleaned(model) == {"Reshape": 1, "Relu": 1}
