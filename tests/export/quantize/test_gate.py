"""The gate: what passes, what is left in float32, and what is refused, with labels and without."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from edge.errors import ModelError, ParityError
from export.graph.session import answers
from export.preprocess import make_model
from export.quantize.gate import Examples, describe_unsure, make_fp16, make_int8
from export.quantize.int8 import SCHEMES, measure_ranges, quantise
from tests.export.quantize.test_int8 import IMAGES, PICTURES, small_network


@pytest.fixture
def network() -> onnx.ModelProto:
    return small_network()


@pytest.fixture
def examples(network: onnx.ModelProto) -> Examples:
    """Pictures of which the float32 network has all right but the first six."""
    targets = answers(network, IMAGES).argmax(axis=1)
    targets[:6] = (targets[:6] + 1) % 4
    return Examples(IMAGES, targets)


def test_the_record_is_what_numpy_counts(network: onnx.ModelProto, examples: Examples) -> None:
    small, record = make_int8(network, "x86", IMAGES, examples, 50.0)
    found, exact = answers(small, IMAGES), answers(network, IMAGES)
    assert (record.kind, record.calibration, record.float_layers, record.images) == ("int8", "minmax", (), 24)
    assert record.scheme == "U8S8, 7-bit weights by filter, QDQ"
    assert record.float32_accuracy == 18 / 24
    assert record.accuracy == (found.argmax(axis=1) == examples.targets).sum() / 24
    assert record.top1_agreement == (found.argmax(axis=1) == exact.argmax(axis=1)).sum() / 24
    assert record.largest_difference == pytest.approx(np.abs(found - exact).max(), abs=1e-7)
    assert record.drop_points == pytest.approx(100 * (record.float32_accuracy - record.accuracy))


def test_without_labels_it_is_judged_by_agreement(network: onnx.ModelProto) -> None:
    small, record = make_int8(network, "x86", IMAGES, Examples(IMAGES, None), 50.0)
    agreement = (answers(small, IMAGES).argmax(axis=1) == answers(network, IMAGES).argmax(axis=1)).mean()
    assert (record.accuracy, record.float32_accuracy, record.top1_agreement) == (None, None, agreement)
    assert record.drop_points == pytest.approx(100 * (1 - agreement))


def crushed() -> tuple[onnx.ModelProto, np.ndarray]:
    """Two dense layers whose first number is a thousand times the others and means nothing, and pictures for them."""
    chance = np.random.default_rng(5)
    first, second = chance.normal(size=(12, 16)).astype(np.float32), chance.normal(size=(16, 4)).astype(np.float32)
    first[0] = 0
    images = chance.normal(size=(40, 2, 2, 3)).astype(np.float32)
    images[:, 0, 0, 0] = chance.uniform(-2000, 2000, 40)
    nodes = [
        onnx.helper.make_node("Flatten", ["network_input"], ["rows"], name="rows"),
        onnx.helper.make_node("Gemm", ["rows", "first"], ["inner"], name="first"),
        onnx.helper.make_node("Gemm", ["inner", "second"], ["logits"], name="second"),
        onnx.helper.make_node("Softmax", ["logits"], ["probabilities"], name="softmax", axis=1),
    ]
    ends = [
        onnx.helper.make_tensor_value_info("network_input", onnx.TensorProto.FLOAT, ["N", 2, 2, 3]),
        onnx.helper.make_tensor_value_info("probabilities", onnx.TensorProto.FLOAT, ["N", 4]),
    ]
    tensors = [numpy_helper.from_array(value, name) for name, value in (("first", first), ("second", second))]
    return make_model(onnx.helper.make_graph(nodes, "network", ends[:1], ends[1:], tensors)), images


@pytest.mark.parametrize("with_labels", [True, False])
def test_the_most_sensitive_layer_stays_float32_where_all_in_eight_bits_lose_too_much(with_labels: bool) -> None:
    network, images = crushed()
    targets = answers(network, images).argmax(axis=1)
    ranges = measure_ranges(network, (image[None] for image in images))
    assert (answers(quantise(network, ranges, SCHEMES["arm"]), images).argmax(axis=1) == targets).mean() < 0.8
    judged = Examples(images, targets if with_labels else None)
    small, record = make_int8(network, "arm", images, judged, 10.0)
    (name,) = record.float_layers
    layer = next(node for node in small.graph.node if node.name == name)
    weights = next(tensor for tensor in small.graph.initializer if tensor.name == layer.input[1])
    assert list(weights.dims) == [12, 16]
    assert (answers(small, images).argmax(axis=1) == targets).mean() >= 0.9
    with pytest.raises(ParityError):
        make_int8(network, "arm", images, Examples(images, (targets + 1) % 4), -100.0)


def test_fp16_is_gated_as_well(network: onnx.ModelProto, examples: Examples) -> None:
    _, record = make_fp16(network, examples, 0.0)
    assert (record.kind, record.accuracy, record.float_layers) == ("fp16", 18 / 24, ())
    with pytest.raises(ParityError):
        make_fp16(network, Examples(examples.images * np.float32(1e6), examples.targets), 99.0)


def test_without_pictures_there_is_nothing_to_go_by(network: onnx.ModelProto, examples: Examples) -> None:
    with pytest.raises(ModelError):
        make_int8(network, "x86", IMAGES[:0], examples, 0.5)
    with pytest.raises(ParityError):
        make_fp16(network, Examples(IMAGES[:0], np.empty(0, np.int64)), 0.5)


def test_shares_of_what_is_answered_are_those_that_numpy_counts() -> None:
    network = small_network()
    small = quantise(network, measure_ranges(network, PICTURES), SCHEMES["x86"])
    exact, found = answers(network, IMAGES), answers(small, IMAGES)
    targets = exact.argmax(axis=1)
    targets[::4] = (targets[::4] + 1) % 4
    threshold = float(np.median(exact.max(axis=1)))
    sentence = describe_unsure(small, network, Examples(IMAGES, targets), threshold)
    for probabilities in (found, exact):
        answered = probabilities.max(axis=1) >= threshold
        right = (probabilities.argmax(axis=1) == targets)[answered].mean()
        assert f"{answered.mean():.2%} ({right:.2%} of them rightly)" in sentence
    assert "rightly" not in describe_unsure(network, network, Examples(IMAGES, targets), 1.0)
