"""The losses against scikit-learn, their gradients against measured slopes."""

from pathlib import Path

import numpy as np
import pytest
import scipy.special
from sklearn.metrics import hinge_loss, log_loss

from edge.errors import UsageError
from tests.training.fundamentals.finite_differences import slope
from tests.training.fundamentals.programs import run_module
from training.fundamentals.losses import LOSSES, Loss, cross_entropy, hinge, main, softmax, squared_hinge


def random_scores(classes: int, samples: int = 12) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(classes)
    targets = np.concatenate([np.arange(classes), generator.integers(0, classes, samples)])
    return generator.normal(0, 2, (len(targets), classes)), targets


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
def test_the_gradient_is_the_slope(loss: Loss, classes: int) -> None:
    scores, targets = random_scores(classes)
    expected = slope(lambda s: loss(s, targets)[0], scores)
    # A squared hinge of ten classes is about 100, so its differences are rounded at 1e-14 / 2e-6.
    np.testing.assert_allclose(loss(scores, targets)[1], expected, rtol=0, atol=1e-7)


def test_the_hinge_of_two_classes_is_that_of_scikit_learn() -> None:
    scores, targets = random_scores(2)
    assert hinge(scores, targets)[0] == pytest.approx(hinge_loss(targets, scores[:, 1] - scores[:, 0]), rel=1e-12)


@pytest.mark.parametrize("classes", [3, 10])
def test_the_hinge_of_many_classes_is_the_sum_over_pairs(classes: int) -> None:
    scores, targets = random_scores(classes)
    pairs = np.array(
        [row[target] - row[j] for row, target in zip(scores, targets, strict=True) for j in range(classes)]
    )
    # Each pair from both sides, since scikit-learn wants both classes; a class against itself has a hinge of 1.
    sides = np.concatenate([np.ones(len(pairs)), -np.ones(len(pairs))])
    expected = hinge_loss(sides, np.concatenate([pairs, -pairs])) * classes - 1
    assert hinge(scores, targets)[0] == pytest.approx(expected, rel=1e-12)


def test_the_squared_hinge_is_the_sum_of_squares() -> None:
    scores, targets = random_scores(5)
    sums = [
        sum(max(0.0, row[j] - row[target] + 1) ** 2 for j in range(5) if j != target)
        for row, target in zip(scores, targets, strict=True)
    ]
    assert squared_hinge(scores, targets)[0] == pytest.approx(np.mean(sums), rel=1e-12)


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_the_cross_entropy_is_that_of_scikit_learn(classes: int) -> None:
    scores, targets = random_scores(classes)
    expected = log_loss(targets, scipy.special.softmax(scores, axis=1), labels=range(classes))
    assert cross_entropy(scores, targets)[0] == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(softmax(scores), scipy.special.softmax(scores, axis=1), rtol=1e-12)


def test_huge_scores_stay_numbers() -> None:
    scores = np.array([[1e5, -1e5, 0.0], [-1e5, 1e5, 0.0]])
    loss, gradient = cross_entropy(scores, np.array([0, 0]))
    assert loss == 1e5  # the mean of 0 and 2e5
    np.testing.assert_array_equal(gradient, [[0, 0, 0], [-0.5, 0.5, 0]])
    np.testing.assert_array_equal(softmax(scores), [[1, 0, 0], [0, 1, 0]])


def test_a_margin_of_one_is_enough_for_the_hinges_alone() -> None:
    scores, target = np.array([[3.0, 2.0, -5.0]]), np.array([0])
    for loss in (hinge, squared_hinge):
        value, gradient = loss(scores, target)
        assert value == 0
        assert not gradient.any()
    assert cross_entropy(scores, target)[0] > 0.3


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
def test_what_does_not_belong_together_is_refused(loss: Loss) -> None:
    with pytest.raises(UsageError, match=r"scores must be \[N, classes\].*Received: \(2, 3\) and \(3,\)"):
        loss(np.zeros((2, 3)), np.zeros(3, np.int64))
    with pytest.raises(UsageError, match="none empty"):
        loss(np.zeros((0, 3)), np.zeros(0, np.int64))
    with pytest.raises(UsageError, match=r"targets must be 0 to 2\. Received: -1 to 2"):
        loss(np.zeros((2, 3)), np.array([-1, 2]))


def test_the_command_prints_what_a_hand_computes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    # Of the scores -1, 2.5 and 0.5 the first should win: 4.5 and 2.5 are missing to a margin of one.
    assert lines[4].split()[:6] == ["wrong", "-1.00", "2.50", "0.50", "7.0000", "26.5000"]
    assert lines[7].split() == ["hinge", "-2.00", "1.00", "1.00"]
    assert lines[8].split() == ["squared", "hinge", "-14.00", "9.00", "5.00"]
    done = run_module("losses", folder=tmp_path)
    assert (done.returncode, done.stdout.splitlines(), done.stderr) == (0, lines, "")
