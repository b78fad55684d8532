"""Eight bits: what is quantised and what is not, in whose form, and how far the answers move."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge.runtime import create_session
from export.graph.session import answers
from export.preprocess import make_model
from export.quantize.int8 import SCHEMES, careful_exclusions, measure_ranges, quantise, target_of


def small_network(first_scale: float = 1.0) -> onnx.ModelProto:
    """Convolution, ReLU, mean, dense layer, softmax; one filter may be far larger than the others."""
    chance = np.random.default_rng(0)
    filters = chance.normal(size=(8, 2, 3, 3)).astype(np.float32) * 0.3
    filters[0] *= first_scale
    constants = {
        "filters": filters,
        "offsets": chance.normal(size=8).astype(np.float32) * 0.1,
        "weights": chance.normal(size=(8, 4)).astype(np.float32),
        "bias": chance.normal(size=4).astype(np.float32) * 0.1,
        "shape": np.array([0, 8]),
    }
    nodes = [
        helper.make_node("Transpose", ["network_input"], ["chw"], name="turn", perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["chw", "filters", "offsets"], ["c"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"], name="relu"),
        helper.make_node("GlobalAveragePool", ["r"], ["g"], name="pool"),
        helper.make_node("Reshape", ["g", "shape"], ["f"], name="flat"),
        helper.make_node("Gemm", ["f", "weights", "bias"], ["logits"], name="dense"),
        helper.make_node("Softmax", ["logits"], ["probabilities"], name="softmax", axis=1),
    ]
    ends = [
        helper.make_tensor_value_info("network_input", TensorProto.FLOAT, ["N", 6, 5, 2]),
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 4]),
    ]
    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    return make_model(helper.make_graph(nodes, "network", ends[:1], ends[1:], tensors))


IMAGES = np.random.default_rng(1).random((24, 6, 5, 2), np.float32)
PICTURES = [image[None] for image in IMAGES]


def constants_of(model: onnx.ModelProto, dtype: type) -> list[np.ndarray]:
    arrays = [numpy_helper.to_array(constant) for constant in model.graph.initializer]
    return [array for array in arrays if array.dtype == dtype and array.ndim > 1]


@pytest.mark.parametrize("target", SCHEMES)
def test_the_form_is_that_of_the_scheme(target: str) -> None:
    network = small_network()
    ranges = measure_ranges(network, PICTURES)
    small = quantise(network, ranges, SCHEMES[target])  # type: ignore[index]
    onnx.checker.check_model(small, full_check=True)
    assert [(opset.domain, opset.version) for opset in small.opset_import] == [("", 18)]
    weights = constants_of(small, np.int8)
    limit = {"arm": 127, "x86": 64, "x86-vnni": 127}[target]
    assert len(weights) == 2
    assert all(limit - 1 <= np.abs(w.astype(int)).max() <= limit for w in weights)
    zero_points = {
        numpy_helper.to_array(c).dtype
        for c in small.graph.initializer
        if not c.dims and c.data_type != TensorProto.FLOAT
    }
    assert zero_points == {np.dtype(np.int8 if target == "arm" else np.uint8)}
    (filters,) = (w for w in weights if w.ndim == 4)
    scales = [c for c in small.graph.initializer if list(c.dims) == [len(filters)] and c.data_type == TensorProto.FLOAT]
    assert scales, "every filter has its own scale"


def test_answers_stay_close_and_sum_to_one() -> None:
    network = small_network()
    before = network.SerializeToString(deterministic=True)
    ranges = measure_ranges(network, PICTURES)
    assert [value.item() for value in ranges["network_input"].range_value] == [IMAGES.min(), IMAGES.max()]
    small = quantise(network, ranges, SCHEMES["x86"])
    found = answers(small, IMAGES)
    assert network.SerializeToString(deterministic=True) == before
    makers = {name: node for node in small.graph.node for name in node.output}
    softmax = makers[small.graph.output[0].name]
    assert [softmax.op_type, makers[softmax.input[0]].op_type] == ["Softmax", "DequantizeLinear"]
    # Seven bits are steps of 1/64 of the largest weight; four logits of size 1 move by a few hundredths.
    assert 0 < np.abs(found - answers(network, IMAGES)).max() < 0.05
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=0, atol=1e-6)


def test_what_is_excluded_keeps_its_weights() -> None:
    network = small_network()
    small = quantise(network, measure_ranges(network, PICTURES), SCHEMES["arm"], ["conv"])
    assert [w.ndim for w in constants_of(small, np.int8)] == [2]
    (filters,) = (w for w in constants_of(small, np.float32) if w.ndim == 4)
    expected = next(numpy_helper.to_array(c) for c in network.graph.initializer if c.name == "filters")
    np.testing.assert_array_equal(filters, expected)


def test_optimised_or_not_the_sums_are_the_same() -> None:
    """Whole numbers add up the same in any order; only roundings of float32 are left to differ."""
    import onnxruntime

    network = small_network()
    content = quantise(network, measure_ranges(network, PICTURES), SCHEMES["x86"]).SerializeToString()
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    plain = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    found = create_session(content, "test").run(None, {"network_input": IMAGES})[0]
    np.testing.assert_allclose(plain.run(None, {"network_input": IMAGES})[0], found, rtol=0, atol=0.01)


def test_the_layer_whose_rounding_does_most_is_left_out_first() -> None:
    network = small_network(first_scale=200.0)
    images = IMAGES * np.float32(0.02)
    ranges = measure_ranges(network, [image[None] for image in images])
    exact = answers(network, images[:16])
    others = {"conv": ["dense"], "dense": ["conv"]}
    effects = {
        layer: np.abs(answers(quantise(network, ranges, SCHEMES["x86"], left), images[:16]) - exact).mean()
        for layer, left in others.items()
    }
    worst = max(effects, key=lambda layer: effects[layer])
    assert list(careful_exclusions(network, ranges, SCHEMES["x86"], images)) == [[worst]]


@pytest.mark.parametrize(
    ("machine", "flags", "target"),
    [
        ("x86_64", ("avx2",), "x86"),
        ("AMD64", ("avx512f", "avx512_vnni"), "x86-vnni"),
        ("x86_64", ("avx2", "avx_vnni"), "x86-vnni"),
        ("aarch64", ("asimd",), "arm"),
        ("arm64", (), "arm"),
    ],
)
def test_auto_is_this_machine(
    monkeypatch: pytest.MonkeyPatch, machine: str, flags: tuple[str, ...], target: str
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr("export.quantize.int8.read_cpu", lambda: ("a processor", flags))
    assert target_of("auto") == target
    assert target_of("x86") == "x86"
