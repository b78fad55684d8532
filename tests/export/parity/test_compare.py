"""The comparison that stands before every file, against pictures and numbers worked out by hand."""

from dataclasses import replace

import cv2
import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from PIL import Image

from edge.errors import ParityError
from edge.runtime import create_session
from export.parity.compare import (
    ODD_SIZES_PX,
    Comparison,
    View,
    check_parity,
    compare,
    make_views,
    require_different_answers,
)
from tests.conftest import tiny_probabilities


def picture(height: int = 8, width: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def comparison(name: str, difference: float, same_top1: bool = True) -> Comparison:
    return Comparison(name, None, np.array([0.5, 0.5], np.float32), difference, same_top1)


def test_each_picture_gives_native_colour_and_grey() -> None:
    pixels = picture()
    native, colour, grey = make_views([("a/x.png", pixels)])
    height, width = ODD_SIZES_PX[0]
    assert [native.name, colour.name, grey.name] == [
        "a/x.png at 8x8",
        f"a/x.png at {height}x{width} in colour",
        f"a/x.png at {height}x{width} in grey",
    ]
    assert np.array_equal(native.pixels, pixels)
    odd = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    assert np.array_equal(colour.pixels[:, :, 0], odd[:, :, 0])
    assert np.array_equal(colour.pixels[:, :, 2], np.floor(odd[:, :, 2] * np.float32(0.4)))
    luma = np.asarray(Image.fromarray(odd).convert("L"), np.int16)
    # Pillow has 16 fractional bits for luma and OpenCV 15, which can move a value to the next level.
    assert np.abs(grey.pixels.astype(np.int16) - luma[:, :, None]).max() <= 1
    assert np.array_equal(grey.pixels[:, :, 0], grey.pixels[:, :, 2])


def test_odd_sizes_are_taken_in_turn() -> None:
    names = [view.name for view in make_views([(str(i), picture()) for i in range(6)])]
    found = [name.split(" at ")[1].split(" in ")[0] for name in names[1::3]]
    assert found == ["13x29", "97x61", "31x33", "1x7", "121x240", "13x29"]


def test_compare_measures_what_numpy_measures() -> None:
    pictures = [picture(seed=seed) for seed in range(3)]
    views = [View(str(i), pixels) for i, pixels in enumerate(pictures)]

    def mean(arrays: np.ndarray) -> np.ndarray:
        share = arrays.reshape(len(arrays), -1).mean(axis=1, dtype=np.float64) / 255
        return np.stack([share, 1 - share], axis=1).astype(np.float32)

    shifted = np.array([[0.25, -0.25]], np.float32)
    found = list(compare(views, lambda x: x.astype(np.float32), mean, lambda x: mean(x) + shifted))
    assert [c.name for c in found] == ["0", "1", "2"]
    for pixels, c in zip(pictures, found, strict=True):
        share = pixels.mean() / 255
        assert c.expected[0] == pytest.approx(share, abs=1e-6)
        # The shift itself, less the rounding of two float32 numbers below 1.
        assert c.difference == pytest.approx(0.25, abs=1e-6)
        assert c.same_top1 == (np.argmax([share, 1 - share]) == np.argmax([share + 0.25, 0.75 - share]))


def test_compare_takes_more_pictures_than_a_batch() -> None:
    views = [View(str(i), np.full((2, 2, 3), i, np.uint8)) for i in range(150)]

    def level(arrays: np.ndarray) -> np.ndarray:
        return np.stack([arrays[:, 0, 0, 0], np.zeros(len(arrays))], axis=1).astype(np.float32)

    found = list(compare(views, lambda x: x.astype(np.float32), level, level))
    assert [int(c.expected[0]) for c in found] == list(range(150))
    assert {c.difference for c in found} == {0.0}


def test_worst_comes_first() -> None:
    ranked, limit = check_parity([comparison("a", 1e-7), comparison("b", 3e-6), comparison("c", 0)])
    names = [c.name for c in ranked]
    assert limit == 1e-5
    assert names == ["b", "a", "c"]


def test_only_the_worst_pictures_are_kept() -> None:
    """The first of equals is the worse, as in the order; a photograph has no picture to keep."""
    chance = np.random.default_rng(3)
    found = [
        replace(comparison(str(i), float(chance.integers(0, 20)) * 1e-7), view=View(str(i), picture()))
        for i in range(200)
    ]
    found[50] = comparison("photograph", 9e-6)
    ranked, _ = check_parity(iter(found))
    by_numpy = sorted(range(200), key=lambda i: (-found[i].difference, i))
    assert [c.name for c in ranked] == [found[i].name for i in by_numpy]
    assert [c.name for c in ranked if c.view] == [c.name for c in ranked[1:7]]
    assert ranked[0].name == "photograph"


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (comparison("bad", 2e-5), r"bad has a largest difference of 2\.0e-05; the limit is 1e-05"),
        (comparison("bad", 1e-9, same_top1=False), "bad .* and another best label"),
        (comparison("bad", float("nan")), "bad has a largest difference of nan"),
        (comparison("bad", float("inf")), "bad has a largest difference of inf"),
    ],
    ids=["difference", "label", "nan", "infinite"],
)
def test_one_bad_picture_among_good_ones_is_named(bad: Comparison, message: str) -> None:
    with pytest.raises(ParityError, match=message):
        check_parity([comparison("good", 1e-7), bad, comparison("fine", 9e-6)])


def test_the_limit_itself_is_accepted() -> None:
    assert check_parity([comparison("a", 1e-5)], 1e-5)[0][0].difference == 1e-5


def test_where_rounding_alone_goes_further_so_does_the_limit() -> None:
    past = replace(comparison("a", 2e-5), array=np.zeros((1, 2, 2, 1), np.float32))
    ranked, limit = check_parity([past], 1e-5, lambda _: 6e-6)
    assert (ranked[0].difference, limit) == (2e-5, 3e-5)
    with pytest.raises(ParityError):
        check_parity([past], 1e-5, lambda _: 1e-6)
    with pytest.raises(ParityError):
        check_parity([replace(past, same_top1=False)], 1e-5, lambda _: 6e-6)


@pytest.mark.parametrize(("gap", "is_same"), [(1.5e-5, True), (3e-5, False)])
def test_a_tie_that_the_tolerance_cannot_tell_is_no_other_label(gap: float, is_same: bool) -> None:
    row = np.array([[0.5, 0.5 - gap]], np.float32)
    views = [View("tie", picture())]
    (found,) = compare(views, lambda x: x.astype(np.float32), lambda _: row, lambda _: row[:, ::-1], 1e-5)
    assert found.same_top1 == is_same


def test_nothing_to_compare_is_no_proof() -> None:
    with pytest.raises(ParityError, match="no image"):
        check_parity([])


def test_a_network_that_says_the_same_of_everything_proves_nothing() -> None:
    rows = [np.array([0.25 + shift, 0.75 - shift], np.float32) for shift in (0, 4e-6, 2e-5)]
    found = [Comparison(str(i), None, row, 3e-6, True) for i, row in enumerate(rows)]
    with pytest.raises(ParityError, match=r"same for all 2 pictures \(probabilities move by 4\.\de-06\)"):
        require_different_answers(found[:2], 1e-5)
    require_different_answers(found, 1e-5)
    require_different_answers([replace(c, difference=1e-7) for c in found[:2]], 1e-5)  # by far more than they differ


def compare_tiny(content: bytes) -> list[Comparison]:
    """Compare the tiny graph with NumPy in the place of Keras."""
    levels = [0, 60, 100, 170, 255]
    views = [View(f"grey {level}", np.full((9, 6, 3), level, np.uint8)) for level in levels]
    whole = create_session(content, "test")

    def by_numpy(arrays: np.ndarray) -> np.ndarray:
        return np.stack([tiny_probabilities(float(a.mean())) for a in arrays]).astype(np.float32)

    return list(
        compare(
            views,
            lambda images: images.astype(np.float32),
            by_numpy,
            lambda images: whole.run(["probabilities"], {"image": images})[0],
        )
    )


def test_tiny_artifact_passes(tiny_content: bytes) -> None:
    # Softmax in float32 against float64: a few units of the last place of numbers below 1.
    assert check_parity(compare_tiny(tiny_content), 1e-5)[0][0].difference <= 1e-5


@pytest.mark.parametrize(
    ("name", "change"), [("slope", 1.001), ("offset", 1.001), ("preprocessing/constant", 254 / 255)], ids=str
)
def test_a_wrong_constant_in_the_graph_is_caught(tiny_content: bytes, name: str, change: float) -> None:
    model = onnx.load_from_string(tiny_content)
    floats = [
        constant
        for constant in model.graph.initializer
        if constant.name.startswith(name) and constant.data_type == onnx.TensorProto.FLOAT
    ]
    assert floats
    for constant in floats:
        wrong = (numpy_helper.to_array(constant) * np.float32(change)).astype(np.float32)
        constant.CopyFrom(numpy_helper.from_array(wrong, constant.name))
    with pytest.raises(ParityError, match=r"grey \d+ has a largest difference"):
        check_parity(compare_tiny(model.SerializeToString()))
