"""Sixteen bits inside, thirty-two outside."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from edge.errors import ParityError
from export.graph.session import answers
from export.quantize.float16 import LARGEST_HALF, require_half_range, to_float16
from tests.export.quantize.test_int8 import IMAGES, small_network


def test_weights_are_half_and_the_ends_are_not() -> None:
    network = small_network()
    half = to_float16(network)
    onnx.checker.check_model(half, full_check=True)
    (given,), (made,) = half.graph.input, half.graph.output
    assert given.type.tensor_type.elem_type == made.type.tensor_type.elem_type == TensorProto.FLOAT
    weights = {tuple(c.dims): c for c in half.graph.initializer if len(c.dims) > 1}
    assert {c.data_type for c in weights.values()} == {TensorProto.FLOAT16}
    expected = next(numpy_helper.to_array(c) for c in network.graph.initializer if c.name == "filters")
    np.testing.assert_array_equal(numpy_helper.to_array(weights[8, 2, 3, 3]), expected.astype(np.float16))


def test_softmax_stays_float32() -> None:
    half = to_float16(small_network())
    makers = {name: node for node in half.graph.node for name in node.output}
    softmax = next(node for node in half.graph.node if node.op_type == "Softmax")
    before = makers[softmax.input[0]]
    assert before.op_type == "Cast"
    assert before.attribute[0].i == TensorProto.FLOAT


def test_answers_stay_close_and_sum_to_one() -> None:
    network = small_network()
    found = answers(to_float16(network), IMAGES)
    # Half precision has 11 bits: 5e-4 of a logit of size 1.
    np.testing.assert_allclose(found, answers(network, IMAGES), rtol=0, atol=2e-3)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=0, atol=1e-6)


def test_the_network_is_left_as_it_was() -> None:
    network = small_network()
    before = network.SerializeToString(deterministic=True)
    to_float16(network)
    assert network.SerializeToString(deterministic=True) == before


def scaled(name: str, factor: float) -> onnx.ModelProto:
    """The small network with one of its constants multiplied."""
    model = small_network()
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == name)
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(factor), name))
    return model


def test_what_half_precision_cannot_hold_is_refused() -> None:
    """The largest number stands in the fortieth picture, and is negative."""
    assert np.finfo(np.float16).max == LARGEST_HALF
    require_half_range(small_network(), IMAGES)
    images = np.concatenate([IMAGES, IMAGES])
    images[40] *= np.float32(-1e6)
    for model, pictures in ((scaled("filters", 1e6), IMAGES * 0), (scaled("offsets", 1), images)):
        with pytest.raises(ParityError, match="'conv'"):
            require_half_range(model, pictures)
    with pytest.raises(ParityError):
        require_half_range(small_network(), IMAGES * np.float32(np.nan))
