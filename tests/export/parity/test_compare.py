"""The comparison before every file, against pictures and numbers worked out by hand."""

from dataclasses import replace

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from PIL import Image

from edge.errors import ParityError
from edge.runtime import create_session
from export.parity.compare import (
    ODD_SIZES_PX,
    TOLERANCE,
    Comparison,
    Conv,
    View,
    check_parity,
    compare,
    make_views,
    require_different_answers,
    rounding_noise,
)
from tests.conftest import tiny_probabilities
from tests.export.quantize.test_int8 import PICTURES, small_network


def picture(height: int = 8, width: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def comparison(name: str, difference: float, same_top1: bool = True) -> Comparison:
    return Comparison(name, None, np.array([0.5, 0.5], np.float32), difference, same_top1)


def test_each_picture_gives_native_colour_and_grey_at_sizes_in_turn() -> None:
    pixels = picture()
    views = list(make_views([(f"a/{i}.png", pixels) for i in range(6)]))
    native, colour, grey = views[:3]
    sizes = [f"{height}x{width}" for height, width in (*ODD_SIZES_PX, ODD_SIZES_PX[0])]
    assert [view.name for view in views[1::3]] == [f"a/{i}.png at {size} in colour" for i, size in enumerate(sizes)]
    assert (native.name, grey.name) == ("a/0.png at 8x8", f"a/0.png at {sizes[0]} in grey")
    assert np.array_equal(native.pixels, pixels)
    odd = cv2.resize(pixels, ODD_SIZES_PX[0][::-1], interpolation=cv2.INTER_AREA)
    assert np.array_equal(colour.pixels[:, :, 0], odd[:, :, 0])
    assert np.array_equal(colour.pixels[:, :, 2], np.floor(odd[:, :, 2] * np.float32(0.4)))
    luma = np.asarray(Image.fromarray(odd).convert("L"), np.int16)
    # Pillow has 16 fractional bits for luma and OpenCV 15, which can move a value to the next level.
    assert np.abs(grey.pixels.astype(np.int16) - luma[:, :, None]).max() <= 1


def mean(arrays: np.ndarray) -> np.ndarray:
    share = arrays.reshape(len(arrays), -1).mean(axis=1, dtype=np.float64) / 255
    return np.stack([share, 1 - share], axis=1).astype(np.float32)


def test_compare_measures_what_numpy_measures() -> None:
    pictures = [np.full((2, 2, 3), i, np.uint8) for i in range(150)]  # more than a batch
    views = [View(str(i), pixels) for i, pixels in enumerate(pictures)]
    shifted = np.array([[0.25, -0.25]], np.float32)
    found = list(compare(views, lambda x: x.astype(np.float32), mean, lambda x: mean(x) + shifted))
    assert [c.name for c in found] == [str(i) for i in range(150)]
    for i, c in enumerate(found):
        assert c.expected[0] == pytest.approx(i / 255, abs=1e-6)
        # The shift itself, less the rounding of two float32 numbers below 1.
        assert c.difference == pytest.approx(0.25, abs=1e-6)
        assert c.same_top1 == ((i / 255 > 0.5) == (i / 255 + 0.25 > 0.5))
    assert max(found, key=lambda c: c.difference).array is not None
    # A photograph is let go of as soon as it was compared; thousands would fill the memory.
    (large,) = compare([View("large", picture(3, 300))], lambda x: x.astype(np.float32), mean, mean)
    assert (found[0].view, large.view) == (views[0], None)


@pytest.mark.parametrize(("gap", "is_same"), [(1.5e-5, True), (3e-5, False)])
def test_a_tie_that_the_tolerance_cannot_tell_is_no_other_label(gap: float, is_same: bool) -> None:
    row = np.array([[0.5, 0.5 - gap]], np.float32)
    views = [View("tie", picture())]
    (found,) = compare(views, lambda x: x.astype(np.float32), lambda _: row, lambda _: row[:, ::-1], 1e-5)
    assert found.same_top1 == is_same


def test_the_limit_itself_is_accepted_and_the_worst_comes_first() -> None:
    ranked, limit = check_parity([comparison("a", 1e-7), comparison("b", 1e-5), comparison("c", 0)], 1e-5)
    assert [c.name for c in ranked] == ["b", "a", "c"]
    assert limit == 1e-5


@pytest.mark.parametrize(
    "bad",
    [
        comparison("bad", 2e-5),
        comparison("bad", 1e-9, same_top1=False),
        comparison("bad", float("nan")),
        comparison("bad", float("inf")),
    ],
    ids=["difference", "label", "nan", "infinite"],
)
def test_one_bad_picture_among_good_ones_is_named(bad: Comparison) -> None:
    with pytest.raises(ParityError, match="bad has a largest difference of"):
        check_parity([comparison("good", 1e-7), bad, comparison("fine", 9e-6)], 1e-5)


def test_nothing_to_compare_proves_nothing_and_neither_does_a_constant() -> None:
    with pytest.raises(ParityError):
        check_parity([], 1e-5)
    rows = [np.array([0.25 + shift, 0.75 - shift], np.float32) for shift in (0, 4e-6, 2e-5)]
    found = [Comparison(str(i), None, row, 3e-6, True) for i, row in enumerate(rows)]
    with pytest.raises(ParityError):
        require_different_answers(found[:2], 1e-5)
    require_different_answers(found, 1e-5)
    require_different_answers([replace(c, difference=1e-7) for c in found[:2]], 1e-5)  # by far more than they differ


def test_where_rounding_alone_goes_further_so_does_the_limit() -> None:
    past = replace(comparison("a", 2e-5), array=np.zeros((1, 2, 2, 1), np.float32))
    ranked, limit = check_parity([past], 1e-5, lambda _: 6e-6)
    assert (ranked[0].difference, limit) == (2e-5, 3e-5)
    for comparisons, noise in (([past], 1e-6), ([replace(past, same_top1=False)], 6e-6)):
        with pytest.raises(ParityError):
            check_parity(comparisons, 1e-5, lambda _, noise=noise: noise)


def test_rounding_is_measured_against_float64() -> None:
    # Four logits of size 1 in float32, whose last place is 1e-7.
    assert 0 < max(rounding_noise(small_network(), image) for image in PICTURES) < 1e-6


@pytest.mark.parametrize(
    ("groups", "settings"),
    [(1, {"pads": [1, 0, 2, 3]}), (4, {"strides": [2, 3]}), (2, {"dilations": [2, 1], "auto_pad": "VALID"})],
)
def test_a_convolution_of_float64_is_that_of_onnx(groups: int, settings: dict[str, object]) -> None:
    chance = np.random.default_rng(groups)
    weights = numpy_helper.from_array(chance.normal(size=(8, 4 // groups, 3, 2)), "w")
    bias = numpy_helper.from_array(chance.normal(size=8), "b")
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], group=groups, **settings)
    ends = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, None) for name in "xy"]
    model = helper.make_model(helper.make_graph([node], "conv", ends[:1], ends[1:], [weights, bias]))
    x = {"x": chance.normal(size=(2, 4, 9, 10))}
    (found,), (expected,) = (ReferenceEvaluator(model, new_ops=ops).run(None, x) for ops in ([Conv], None))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def compare_tiny(content: bytes) -> list[Comparison]:
    """Compare the tiny graph with NumPy in the place of Keras."""
    views = [View(f"grey {level}", np.full((9, 6, 3), level, np.uint8)) for level in (0, 60, 100, 170, 255)]
    whole = create_session(content, "test")

    def by_numpy(arrays: np.ndarray) -> np.ndarray:
        return np.stack([tiny_probabilities(float(a.mean())) for a in arrays]).astype(np.float32)

    def by_file(images: np.ndarray) -> np.ndarray:
        return whole.run(["probabilities"], {"image": images})[0]

    return list(compare(views, lambda images: images.astype(np.float32), by_numpy, by_file))


@pytest.mark.parametrize(
    ("name", "change"),
    [("", 1), ("slope", 1.001), ("offset", 1.001), ("preprocessing/constant", 254 / 255)],
    ids=str,
)
def test_a_wrong_constant_in_the_graph_is_caught(tiny_content: bytes, name: str, change: float) -> None:
    model = onnx.load_from_string(tiny_content)
    for constant in model.graph.initializer:
        if constant.name.startswith(name) and constant.data_type == TensorProto.FLOAT:
            wrong = (numpy_helper.to_array(constant) * np.float32(change)).astype(np.float32)
            constant.CopyFrom(numpy_helper.from_array(wrong, constant.name))
    found = compare_tiny(model.SerializeToString())
    if change == 1:
        assert check_parity(found, TOLERANCE)[0][0].difference <= 1e-5
    else:
        with pytest.raises(ParityError, match=r"grey \d+ has a largest difference"):
            check_parity(found, TOLERANCE)
