import numpy as np
import pytest
import scipy.special
from sklearn.metrics import log_loss

from tests.training.fundamentals.finite_differences import slope
from training.fundamentals.sigmoid import logistic_loss, sigmoid


def test_the_sigmoid_is_that_of_scipy() -> None:
    x = np.linspace(-30, 30, 241)
    # Where the halves cancel, what is left has the absolute precision of 1.
    np.testing.assert_allclose(sigmoid(x), scipy.special.expit(x), rtol=0, atol=4e-16)


def test_extremes_neither_overflow_nor_leave_the_range() -> None:
    np.testing.assert_array_equal(sigmoid(np.array([-1e9, 0, 1e9])), [0, 0.5, 1])


def random_problem() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    return generator.normal(size=3), generator.normal(size=(20, 3)), generator.integers(0, 2, 20)


def test_the_loss_is_that_of_scikit_learn() -> None:
    weights, inputs, targets = random_problem()
    expected = log_loss(targets, scipy.special.expit(inputs @ weights))
    assert logistic_loss((weights,), inputs, targets)[0] == pytest.approx(expected, rel=1e-12)


def test_the_gradient_is_the_slope() -> None:
    weights, inputs, targets = random_problem()
    expected = slope(lambda w: logistic_loss((w,), inputs, targets)[0], weights)
    np.testing.assert_allclose(logistic_loss((weights,), inputs, targets)[1][0], expected, rtol=0, atol=1e-9)


def test_a_score_that_is_surely_wrong_has_a_finite_loss() -> None:
    loss, gradient = logistic_loss((np.array([1e6]),), np.array([[1.0]]), np.array([0]))
    assert loss == 1e6
    assert gradient[0] == 1
