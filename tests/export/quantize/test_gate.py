"""The gate: what passes, what is tried first, and what is refused with which figures."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest

from edge.errors import ModelError, ParityError
from export.graph.answers import answers
from export.quantize.gate import Examples, make_fp16, make_int8
from export.quantize.int8 import SCHEMES
from tests.export.quantize.test_int8 import IMAGES, small_network

Quantise = Callable[..., onnx.ModelProto]


@pytest.fixture
def network() -> onnx.ModelProto:
    return small_network()


@pytest.fixture
def examples(network: onnx.ModelProto) -> Examples:
    """Pictures of which the float32 network has all right but the first six."""
    targets = answers(network, IMAGES).argmax(axis=1)
    targets[:6] = (targets[:6] + 1) % 4
    return Examples(IMAGES, targets)


def wrong_until(attempt: int, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Let the quantiser's networks answer backwards before its `attempt`-th; return what it is told to leave."""
    import export.variant

    right, seen = export.quantize.gate.quantise, []

    def quantise(network: onnx.ModelProto, ranges: object, scheme: object, excluded: tuple[str, ...] = ()) -> object:
        seen.append(tuple(excluded))
        made = right(network, ranges, scheme, excluded)  # type: ignore[arg-type]
        if len(seen) < attempt:
            logits = next(node for node in made.graph.node if node.op_type == "Softmax")
            made.graph.node.insert(
                len(made.graph.node) - 1, onnx.helper.make_node("Neg", [logits.input[0]], ["backwards"])
            )
            made.graph.node[-1].input[0] = "backwards"
        return made

    monkeypatch.setattr("export.quantize.gate.quantise", quantise)
    return seen


def test_the_record_is_what_numpy_counts(network: onnx.ModelProto, examples: Examples) -> None:
    small, record = make_int8(network, SCHEMES["x86"], IMAGES, examples, 50.0)
    found, exact = answers(small, IMAGES), answers(network, IMAGES)
    assert (record.kind, record.calibration, record.float_layers, record.images) == ("int8", "minmax", (), 24)
    assert record.scheme == "U8S8, 7-bit weights by filter, QDQ"
    assert record.float32_accuracy == 18 / 24
    assert record.accuracy == (found.argmax(axis=1) == examples.targets).sum() / 24
    assert record.top1_agreement == (found.argmax(axis=1) == exact.argmax(axis=1)).sum() / 24
    assert record.largest_difference == pytest.approx(np.abs(found - exact).max(), abs=1e-7)
    assert record.drop_points == pytest.approx(100 * (record.float32_accuracy - record.accuracy))


def test_another_calibration_is_tried_where_the_first_loses_too_much(
    network: onnx.ModelProto, examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = wrong_until(3, monkeypatch)
    _, record = make_int8(network, SCHEMES["arm"], IMAGES, examples, 10.0)
    assert (record.calibration, seen) == ("entropy", [(), (), ()])


def test_then_the_most_sensitive_layer_stays_float32(
    network: onnx.ModelProto, examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong_until(4, monkeypatch)
    small, record = make_int8(network, SCHEMES["arm"], IMAGES, examples, 10.0)
    assert record.calibration == "percentile"
    (name,) = record.float_layers
    layer = next(node for node in small.graph.node if node.name == name)
    assert layer.op_type in ("Conv", "Gemm")
    weights = next(tensor for tensor in small.graph.initializer if tensor.name == layer.input[1])
    assert weights.data_type == onnx.TensorProto.FLOAT


def test_each_calibration_is_measured_once(
    network: onnx.ModelProto, examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    import export.int8
    import export.variant

    measured = []
    measure = export.quantize.int8.measure_ranges

    def counted(network: object, arrays: object, method: str, *extremes: object) -> object:
        measured.append(method)
        return measure(network, arrays, method, *extremes)  # type: ignore[arg-type]

    for module in (export.int8, export.variant):
        monkeypatch.setattr(module, "measure_ranges", counted)
    wrong_until(4, monkeypatch)
    make_int8(network, SCHEMES["arm"], IMAGES, examples, 10.0)
    assert measured == ["minmax", "percentile", "entropy"]


def test_numbers_that_are_not_finite_never_pass(
    network: onnx.ModelProto, examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    import export.variant

    monkeypatch.setattr(
        export.variant,
        "answers",
        lambda made, images: answers(made, images) * np.float32(1 if made is network else np.nan),
    )
    with pytest.raises(ParityError, match=r"^int8 gives numbers that are not finite on the held-out images"):
        make_int8(network, SCHEMES["x86"], IMAGES, examples, 99.0)


def test_what_never_gets_good_is_refused(
    network: onnx.ModelProto, examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong_until(100, monkeypatch)
    with pytest.raises(ParityError, match=r"^int8 loses \d+\.\d\d points .* 24 held-out images; the best of 4 "):
        make_int8(network, SCHEMES["x86"], IMAGES, examples, 10.0)


def test_fp16_is_gated_as_well(network: onnx.ModelProto, examples: Examples, monkeypatch: pytest.MonkeyPatch) -> None:
    _, record = make_fp16(network, examples, 0.0)
    assert (record.kind, record.accuracy, record.float_layers) == ("fp16", 18 / 24, ())
    half = Examples(examples.images, answers(network, IMAGES).argmin(axis=1))
    assert make_fp16(network, half, 0.0)[1].float32_accuracy == 0  # nothing to lose


def test_fp16_is_refused_what_it_cannot_hold(network: onnx.ModelProto, examples: Examples) -> None:
    """A processor computes it in float32, so the accuracy here would not tell."""
    pictures = Examples(examples.images * np.float32(1e5), examples.targets)
    with pytest.raises(ParityError, match="half precision ends at 65,504"):
        make_fp16(network, pictures, 99.0)


def test_without_pictures_there_is_nothing_to_go_by(network: onnx.ModelProto, examples: Examples) -> None:
    with pytest.raises(ModelError, match="needs pictures to calibrate on"):
        make_int8(network, SCHEMES["x86"], IMAGES[:0], examples, 0.5)
    with pytest.raises(ParityError, match="no held-out image"):
        make_fp16(network, Examples(IMAGES[:0], np.empty(0, np.int64)), 0.5)
