"""The gate: what passes, what is left in float32, what is refused, with labels and without; and half precision."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge.errors import ModelError, ParityError
from export.graph.session import answers
from export.preprocess import make_model
from export.quantize import Examples, describe_unsure, make_fp16, make_int8
from export.quantize.float16 import LARGEST_HALF, require_half_range, to_float16
from export.quantize.int8 import SCHEMES, measure_ranges, quantise
from tests.export.quantize.test_int8 import IMAGES, small_network

EXACT = answers(small_network(), IMAGES)


def examples(max_drop: float, with_labels: bool = True) -> Examples:
    """Pictures of which the float32 network has all right but the first six."""
    targets = EXACT.argmax(axis=1)
    targets[:6] = (targets[:6] + 1) % 4
    return Examples(IMAGES, targets if with_labels else None, max_drop)


@pytest.mark.parametrize("with_labels", [True, False])
def test_the_record_is_what_numpy_counts(with_labels: bool) -> None:
    judged_by = examples(50.0, with_labels)
    made = make_int8(small_network(), "x86", IMAGES, judged_by)
    small, record = made.network, made.record
    found = answers(small, IMAGES)
    assert (record.kind, record.calibration, record.float_layers, record.images) == ("int8", "minmax", (), 24)
    assert record.scheme == "U8S8, 7-bit weights per channel, QDQ"
    agreement = (found.argmax(axis=1) == EXACT.argmax(axis=1)).mean()
    assert record.top1_agreement == agreement
    assert record.largest_difference == pytest.approx(np.abs(found - EXACT).max(), abs=1e-7)
    if with_labels:
        assert record.float32_accuracy == 18 / 24
        assert record.accuracy == (found.argmax(axis=1) == judged_by.targets).sum() / 24
        assert record.drop_points == pytest.approx(100 * (18 / 24 - record.accuracy))
    else:
        assert (record.accuracy, record.float32_accuracy) == (None, None)
        assert record.drop_points == pytest.approx(100 * (1 - agreement))


def crushed() -> tuple[onnx.ModelProto, np.ndarray]:
    """Two dense layers whose first number is a thousand times the others and means nothing, and pictures for them."""
    chance = np.random.default_rng(5)
    first, second = chance.normal(size=(12, 16)).astype(np.float32), chance.normal(size=(16, 4)).astype(np.float32)
    first[0] = 0
    images = chance.normal(size=(40, 2, 2, 3)).astype(np.float32)
    images[:, 0, 0, 0] = chance.uniform(-2000, 2000, 40)
    nodes = [
        helper.make_node("Flatten", ["network_input"], ["rows"], name="rows"),
        helper.make_node("Gemm", ["rows", "first"], ["inner"], name="first"),
        helper.make_node("Gemm", ["inner", "second"], ["logits"], name="second"),
        helper.make_node("Softmax", ["logits"], ["probabilities"], name="softmax", axis=1),
    ]
    ends = [
        helper.make_tensor_value_info("network_input", TensorProto.FLOAT, ["N", 2, 2, 3]),
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 4]),
    ]
    tensors = [numpy_helper.from_array(value, name) for name, value in (("first", first), ("second", second))]
    return make_model(helper.make_graph(nodes, "network", ends[:1], ends[1:], tensors)), images


@pytest.mark.parametrize("with_labels", [True, False])
def test_the_most_sensitive_layer_stays_float32_where_all_in_eight_bits_lose_too_much(with_labels: bool) -> None:
    network, images = crushed()
    targets = answers(network, images).argmax(axis=1)
    ranges = measure_ranges(network, images[:, None])
    assert (answers(quantise(network, ranges, SCHEMES["arm"]), images).argmax(axis=1) == targets).mean() < 0.8
    made = make_int8(network, "arm", images, Examples(images, targets if with_labels else None, 10.0))
    small, record = made.network, made.record
    (name,) = record.float_layers
    layer = next(node for node in small.graph.node if node.name == name)
    weights = next(tensor for tensor in small.graph.initializer if tensor.name == layer.input[1])
    assert list(weights.dims) == [12, 16]
    assert (answers(small, images).argmax(axis=1) == targets).mean() >= 0.9
    with pytest.raises(ParityError):
        make_int8(network, "arm", images, Examples(images, (targets + 1) % 4, -100.0))


def test_without_pictures_there_is_nothing_to_go_by() -> None:
    with pytest.raises(ModelError):
        make_int8(small_network(), "x86", IMAGES[:0], examples(0.5))
    with pytest.raises(ParityError):
        make_fp16(small_network(), Examples(IMAGES[:0], np.empty(0, np.int64)))


def test_shares_of_what_is_answered_are_those_that_numpy_counts() -> None:
    judged_by, threshold = examples(50.0), float(np.median(EXACT.max(axis=1)))
    made = make_int8(small_network(), "x86", IMAGES, judged_by)
    sentence = describe_unsure(made, judged_by.targets, threshold)
    for probabilities in (answers(made.network, IMAGES), EXACT):
        answered = probabilities.max(axis=1) >= threshold
        right = (probabilities.argmax(axis=1) == judged_by.targets)[answered].mean()
        assert f"{answered.mean():.2%} ({right:.2%} of them" in sentence


def test_half_precision_is_inside_and_not_at_the_ends() -> None:
    network = small_network()
    before = network.SerializeToString(deterministic=True)
    made_half = make_fp16(network, examples(0.0))
    half, record = made_half.network, made_half.record
    onnx.checker.check_model(half, full_check=True)
    assert (record.kind, record.accuracy, record.float_layers) == ("fp16", 18 / 24, ())
    assert network.SerializeToString(deterministic=True) == before
    (given,), (made,) = half.graph.input, half.graph.output
    assert given.type.tensor_type.elem_type == made.type.tensor_type.elem_type == TensorProto.FLOAT
    weights = {tuple(c.dims): c for c in half.graph.initializer if len(c.dims) > 1}
    assert {c.data_type for c in weights.values()} == {TensorProto.FLOAT16}
    expected = next(numpy_helper.to_array(c) for c in network.graph.initializer if c.name == "filters")
    np.testing.assert_array_equal(numpy_helper.to_array(weights[8, 2, 3, 3]), expected.astype(np.float16))
    makers = {name: node for node in half.graph.node for name in node.output}
    cast = makers[makers[made.name].input[0]]
    assert (makers[made.name].op_type, cast.op_type, cast.attribute[0].i) == ("Softmax", "Cast", TensorProto.FLOAT)
    found = answers(half, IMAGES)
    # Half precision has 11 bits: 5e-4 of a logit of size 1.
    np.testing.assert_allclose(found, EXACT, rtol=0, atol=2e-3)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=0, atol=1e-6)


def test_what_half_precision_cannot_hold_is_refused() -> None:
    """The largest number is a weight, or in the fortieth picture and negative, or no number."""
    assert np.finfo(np.float16).max == LARGEST_HALF
    require_half_range(small_network(), IMAGES)
    steep = small_network()
    tensor = next(tensor for tensor in steep.graph.initializer if tensor.name == "filters")
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(1e6), "filters"))
    bright = np.concatenate([IMAGES, IMAGES])
    bright[40] *= np.float32(-1e6)
    for network, images in ((steep, IMAGES * 0), (small_network(), bright)):
        with pytest.raises(ParityError, match="'conv'"):
            require_half_range(network, images)
    with pytest.raises(ParityError):
        make_fp16(small_network(), Examples(IMAGES * np.float32(np.nan), None))
    assert np.isfinite(answers(to_float16(steep), IMAGES * 0)).all()  # clipped, not infinite
