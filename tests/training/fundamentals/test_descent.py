"""The steps by hand, the descent against closed forms and scikit-learn, and the two clouds."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.optimize import approx_fprime
from sklearn.linear_model import LogisticRegression

from edge.errors import DivergenceError, UsageError
from training.fundamentals.descent import Weights, descend, linear_loss, main

GENERATOR = np.random.default_rng(0)
INPUTS, TARGETS = GENERATOR.normal(size=(50, 3)), GENERATOR.integers(0, 3, 50)
ONE = {"batch_size": 1, "learning_rate": 0.1}


def parabola(weights: Weights, inputs: np.ndarray, targets: np.ndarray) -> tuple[float, Weights]:
    return float(weights[0] ** 2 / 2), (weights[0],)


def steps(epochs: int, **settings: float) -> list[float]:
    """Return where steps of 0.1 from 1 lead on the parabola w**2 / 2, whose gradient is w."""
    found = descend(parabola, (np.array(1.0),), np.zeros((1, 1)), np.zeros(1, int), epochs=epochs, **ONE | settings)
    return [float(weights[0]) for weights in found]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [0.9, 0.81, 0.729]),
        # velocities: -0.1, then 0.9 * -0.1 - 0.1 * 0.9 = -0.18, then 0.9 * -0.18 - 0.1 * 0.72 = -0.234
        ({"momentum": 0.9}, [0.9, 0.72, 0.486]),
        # rates: 0.1, 0.075 and 0.025
        ({"cosine": True}, [0.9, 0.9 * 0.925, 0.9 * 0.925 * 0.975]),
    ],
    ids=["plain", "momentum", "cosine"],
)
def test_three_steps_by_hand(settings: dict[str, float], expected: list[float]) -> None:
    assert steps(3, **settings) == pytest.approx(expected, rel=1e-14)


def test_every_epoch_sees_every_sample_once_in_a_new_order() -> None:
    seen: list[list[int]] = []

    def note(weights: Weights, inputs: np.ndarray, targets: np.ndarray) -> tuple[float, Weights]:
        seen.append(targets.tolist())
        return 0.0, weights

    list(descend(note, (np.zeros(1),), np.zeros((10, 1)), np.arange(10), 0.1, 4, epochs=2))
    assert [len(batch) for batch in seen] == [4, 4, 2] * 2
    first, second = ([number for batch in part for number in batch] for part in (seen[:3], seen[3:]))
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


def test_the_descent_ends_where_scikit_learn_does() -> None:
    settings = {"learning_rate": 1.0, "batch_size": 50, "epochs": 2000, "momentum": 0.9, "nesterov": True}
    *_, (weights,) = descend(linear_loss, (np.zeros((3, 3)),), INPUTS, TARGETS, **settings)
    other = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10, max_iter=1000).fit(INPUTS, TARGETS)
    np.testing.assert_allclose(weights.T, other.coef_, rtol=0, atol=1e-4)


def test_the_gradient_is_the_slope() -> None:
    weights = np.linspace(-1, 1, 9)
    slope = approx_fprime(weights, lambda x: linear_loss((x.reshape(3, 3),), INPUTS, TARGETS)[0])
    gradient = linear_loss((weights.reshape(3, 3),), INPUTS, TARGETS)[1][0]
    np.testing.assert_allclose(gradient.ravel(), slope, rtol=0, atol=1e-6)


def test_a_loss_that_is_no_number_stops() -> None:
    with pytest.raises(DivergenceError):
        list(descend(linear_loss, (np.ones((1, 2)),), np.full((4, 1), 1e200), np.array([0, 0, 0, 1]), 1e200, 4, 3))


@pytest.mark.parametrize("settings", [{"learning_rate": np.nan}, {"momentum": 1.0}, {"batch_size": 0}], ids=str)
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        steps(1, **settings)


def test_the_command_separates_the_clouds_in_four_ways(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--plot", str(tmp_path / "new" / "curves.png")]) == 0
    rows = capsys.readouterr().out.splitlines()[1:5]
    for row in rows:
        *losses, accuracy = (float(cell.rstrip("%")) for cell in row.split()[-4:])
        assert np.log(2) > losses[0] > losses[1] > losses[2]  # log 2: nothing is known before the first step
        assert accuracy >= 99.5
    with Image.open(tmp_path / "new" / "curves.png") as picture:
        assert picture.size == (770, 550)


def test_a_mistake_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--learning-rate", "-1"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
