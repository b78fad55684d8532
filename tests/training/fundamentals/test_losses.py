"""The losses against scikit-learn, their gradients against SciPy's finite differences."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.special import softmax
from sklearn.metrics import hinge_loss, log_loss

from edge.errors import UsageError
from training.fundamentals.losses import LOSSES, Loss, cross_entropy, hinge, main, with_bias


def random_scores(classes: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(classes)
    targets = np.concatenate([np.arange(classes), generator.integers(0, classes, 12)])
    return generator.normal(0, 2, (len(targets), classes)), targets


@pytest.mark.parametrize("classes", [2, 10])
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_the_gradient_is_the_slope(loss: Loss, classes: int) -> None:
    scores, targets = random_scores(classes)
    slope = approx_fprime(scores.ravel(), lambda x: loss(x.reshape(scores.shape), targets)[0])
    np.testing.assert_allclose(loss(scores, targets)[1].ravel(), slope, rtol=0, atol=2e-5)


def test_the_hinge_of_two_classes_is_that_of_scikit_learn() -> None:
    scores, targets = random_scores(2)
    assert hinge(scores, targets)[0] == pytest.approx(hinge_loss(targets, scores[:, 1] - scores[:, 0]), rel=1e-12)


@pytest.mark.parametrize("power", [1, 2])
def test_the_hinge_of_many_classes_is_the_sum_over_wrong_ones(power: int) -> None:
    scores, targets = random_scores(5)
    sums = [
        sum(max(0.0, row[j] - row[target] + 1) ** power for j in range(5) if j != target)
        for row, target in zip(scores, targets, strict=True)
    ]
    assert hinge(scores, targets, power)[0] == pytest.approx(np.mean(sums), rel=1e-12)


@pytest.mark.parametrize("classes", [2, 10])
def test_the_cross_entropy_is_that_of_scikit_learn(classes: int) -> None:
    scores, targets = random_scores(classes)
    expected = log_loss(targets, softmax(scores, axis=1), labels=range(classes))
    assert cross_entropy(scores, targets)[0] == pytest.approx(expected, rel=1e-12)


def test_huge_scores_stay_numbers() -> None:
    loss, gradient = cross_entropy(np.array([[1e5, -1e5, 0.0], [-1e5, 1e5, 0.0]]), np.array([0, 0]))
    assert loss == 1e5  # the mean of 0 and 2e5
    np.testing.assert_array_equal(gradient, [[0, 0, 0], [-0.5, 0.5, 0]])


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize(
    ("shape", "targets"), [((2, 3), [0, 1, 2]), ((0, 3), []), ((2, 3), [-1, 2]), ((2, 3), [0, 3]), ((2,), [0, 1])]
)
def test_what_does_not_belong_together_is_refused(loss: Loss, shape: tuple[int, ...], targets: list[int]) -> None:
    with pytest.raises(UsageError):
        loss(np.zeros(shape), np.array(targets, np.int64))


def test_the_last_weight_is_the_bias() -> None:
    np.testing.assert_array_equal(with_bias(np.array([[2.0, 5.0]])) @ [3.0, 1.0, 0.25], [2 * 3 + 5 + 0.25])


def test_the_command_prints_what_a_hand_computes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    # Of the scores -1, 2.5 and 0.5 the first should win: 4.5 and 2.5 are missing to a margin of one.
    (wrong,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("wrong")]
    assert wrong.split()[-3:-1] == ["7.0000", "26.5000"]
