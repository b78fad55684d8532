"""A replay finds what NumPy says it must find."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge.classifier import Classifier
from edge.errors import ModelError, ParityError
from edge.self_test import SelfTestResult, replay_self_test, require_self_test
from edge.spec import SelfTest, SelfTestSample, Variant
from export.writer import encode_png
from tests.conftest import broken_self_test, tiny_probabilities
from tests.edge.artifacts import restamped, written

# A softmax of float32 logits up to 8 against one of float64: about 8 * 2^-24.
TOLERANCE = 1e-6

Replay = Callable[[SelfTest | None], SelfTestResult]


def sample(name: str, level: int, off: float = 0.0) -> SelfTestSample:
    """A grey picture, and what NumPy gives it, made wrong by `off` for its first label."""
    picture = encode_png(np.full((4, 4, 3), level, np.uint8))
    first, *others = tiny_probabilities(level).tolist()
    return SelfTestSample(name, picture, (first + off, *others))


@pytest.fixture
def replay(tiny_model: Path, tiny_content: bytes) -> Replay:
    """Replay the tiny model with another self-test in its spec."""
    return lambda self_test: replay_self_test(
        Classifier.load(written(tiny_model, restamped(tiny_content, self_test=self_test)))
    )


def test_the_tiny_model_passes(tiny_model: Path) -> None:
    result = replay_self_test(Classifier.load(tiny_model))
    assert result.passed
    assert result.samples == 3
    assert result.largest_difference < TOLERANCE
    assert result.tolerance == 1e-4
    assert result.worst_sample in ("grey 10", "grey 128", "grey 240")


def test_a_wrong_claim_fails_by_as_much_as_it_is_wrong(replay: Replay) -> None:
    result = replay(broken_self_test())
    assert not result.passed
    assert result.worst_sample == "dark"
    expected = np.abs(tiny_probabilities(0) - [0, 0, 1]).max()
    assert abs(result.largest_difference - expected) < TOLERANCE


def test_the_worst_sample_is_named(replay: Replay) -> None:
    samples = [sample(f"off by {off}", 128, off) for off in (0.01, 0.03, 0.02)]
    result = replay(SelfTest(0.02, tuple(samples)))
    assert (result.samples, result.worst_sample, result.passed) == (3, "off by 0.03", False)
    assert abs(result.largest_difference - 0.03) < TOLERANCE


@pytest.mark.parametrize(("tolerance", "passed"), [(0.011, True), (0.009, False)])
def test_the_tolerance_of_the_file_decides(replay: Replay, tolerance: float, passed: bool) -> None:
    assert replay(SelfTest(tolerance, (sample("off", 30, 0.01),))).passed is passed


def test_a_difference_that_is_no_number_does_not_pass() -> None:
    assert not SelfTestResult(1, float("nan"), "odd", 1e-4).passed


def test_no_sample_hides_behind_another_of_its_name(replay: Replay) -> None:
    good, bad = sample("same", 0), sample("same", 0, off=0.5)
    for samples in ((good, bad), (bad, good)):
        result = replay(SelfTest(1e-4, samples))
        assert (result.samples, result.passed) == (2, False)


def test_where_a_self_test_is_required_a_failure_is_an_error(tiny_model: Path, tiny_content: bytes) -> None:
    assert require_self_test(Classifier.load(tiny_model), "tiny.onnx").passed
    written(tiny_model, restamped(tiny_content, self_test=broken_self_test()))
    difference = np.abs(tiny_probabilities(0) - [0, 0, 1]).max()
    with pytest.raises(ParityError) as caught:
        require_self_test(Classifier.load(tiny_model), "tiny.onnx")
    assert str(caught.value) == (
        "tiny.onnx: it does not answer here as the original network did "
        f"(dark: largest difference {difference:.1e}, limit 1e-04)"
    )


def test_a_variant_is_held_to_its_own_answers(tiny_model: Path, tiny_content: bytes) -> None:
    variant = Variant("int8", "U8S8", "minmax", (), 450, 0.99, 0.99, 1.0, 0.1, 0.5)
    written(tiny_model, restamped(tiny_content, self_test=broken_self_test(), variant=variant))
    with pytest.raises(ParityError, match=r"^tiny\.onnx: it does not answer here as it did at its export \(dark"):
        require_self_test(Classifier.load(tiny_model), "tiny.onnx")


def test_a_model_without_samples_is_refused(replay: Replay) -> None:
    with pytest.raises(ModelError, match=r"^tiny: the file holds no self-test samples$"):
        replay(None)


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        ("", "the file is empty"),
        ("x", "Invalid base64"),
        ("AAAA", "not an image"),
        ("iVBORw0KGgo=", "cut short"),
        ("ü", "only ASCII"),
    ],
    ids=["none", "odd", "zeros", "cut", "umlaut"],
)
def test_a_sample_that_is_no_picture_is_an_error_of_ours(replay: Replay, picture: str, reason: str) -> None:
    with pytest.raises(ModelError, match=rf"^tiny: the self-test sample 'odd' is no picture \(.*{reason}.*\)$"):
        replay(SelfTest(1e-4, (SelfTestSample("odd", picture, (0.2, 0.3, 0.5)),)))
