"""The losses against scikit-learn, their gradients against SciPy's finite differences."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.special import softmax
from sklearn.metrics import hinge_loss, log_loss

from edge.errors import UsageError
from training.fundamentals.losses import LOSSES, cross_entropy, hinge, main


def random_scores(classes: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(classes)
    targets = np.concatenate([np.arange(classes), generator.integers(0, classes, 12)])
    return generator.normal(0, 2, (len(targets), classes)), targets


@pytest.mark.parametrize("name", LOSSES)
def test_the_gradient_is_the_slope(name: str) -> None:
    scores, targets = random_scores(5)
    slope = approx_fprime(scores.ravel(), lambda x: LOSSES[name](x.reshape(scores.shape), targets)[0])
    np.testing.assert_allclose(LOSSES[name](scores, targets)[1].ravel(), slope, rtol=0, atol=2e-5)


def test_the_losses_are_those_of_scikit_learn() -> None:
    scores, targets = random_scores(2)
    assert hinge(scores, targets)[0] == pytest.approx(hinge_loss(targets, scores[:, 1] - scores[:, 0]), rel=1e-12)
    scores, targets = random_scores(10)
    expected = log_loss(targets, softmax(scores, axis=1), labels=range(10))
    assert cross_entropy(scores, targets)[0] == pytest.approx(expected, rel=1e-12)


def test_huge_scores_stay_numbers() -> None:
    loss, gradient = cross_entropy(np.array([[1e5, -1e5, 0.0], [-1e5, 1e5, 0.0]]), np.array([0, 0]))
    assert loss == 1e5  # the mean of 0 and 2e5
    np.testing.assert_array_equal(gradient, [[0, 0, 0], [-0.5, 0.5, 0]])


@pytest.mark.parametrize(("shape", "targets"), [((2, 3), [0, 1, 2]), ((0, 3), []), ((2, 3), [-1, 2]), ((2,), [0, 1])])
def test_arrays_that_do_not_fit_are_refused(shape: tuple[int, ...], targets: list[int]) -> None:
    for loss in LOSSES.values():
        with pytest.raises(UsageError):
            loss(np.zeros(shape), np.array(targets, np.int64))


def test_the_command_prints_what_a_hand_computes(capsys: pytest.CaptureFixture[str]) -> None:
    main()
    # Of the scores -1, 2.5 and 0.5 the first should win: 4.5 and 2.5 are missing to a margin of one.
    (wrong,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("wrong")]
    assert wrong.split()[-3:-1] == ["7.0000", "26.5000"]
