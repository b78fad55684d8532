"""The steps by hand, the descent against closed forms, and the two clouds."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.errors import DivergenceError, UsageError
from tests.training.fundamentals.programs import run_module
from training.fundamentals.descent import Descent, descend, main, shuffled_batches
from training.fundamentals.sigmoid import logistic_loss
from training.fundamentals.weights import Weights


def steps(descent: Descent, count: int) -> list[float]:
    """Return where `count` steps from 1 lead on the parabola w**2 / 2, whose gradient is w."""
    weights, velocity, course = np.array(1.0), np.array(0.0), []
    for _ in range(count):
        weights, velocity = descent.step(weights, velocity, weights)
        course.append(float(weights))
    return course


def test_three_steps_without_momentum_by_hand() -> None:
    assert steps(Descent(0.1, 1, 1), 3) == pytest.approx([0.9, 0.81, 0.729], rel=1e-15)


def test_three_steps_with_momentum_by_hand() -> None:
    # velocities: -0.1, then 0.9 * -0.1 - 0.1 * 0.9 = -0.18, then 0.9 * -0.18 - 0.1 * 0.72 = -0.234
    assert steps(Descent(0.1, 1, 1, momentum=0.9), 3) == pytest.approx([0.9, 0.72, 0.486], rel=1e-15)


def test_three_steps_with_nesterov_by_hand() -> None:
    # velocities: -0.1, then -0.09 - 0.081 = -0.171, then -0.1539 - 0.05751 = -0.21141; each step is
    # 0.9 of the new velocity less 0.1 of the gradient: -0.19, -0.2349, -0.247779
    expected = [0.81, 0.5751, 0.327321]
    assert steps(Descent(0.1, 1, 1, momentum=0.9, nesterov=True), 3) == pytest.approx(expected, rel=1e-15)


def test_nesterov_is_the_look_ahead_seen_from_where_it_looks() -> None:
    rate, momentum = 0.1, 0.9
    w, v, ahead = 1.0, 0.0, []
    for _ in range(30):
        v = momentum * v - rate * (w + momentum * v)  # the gradient where the velocity leads to
        w += v
        ahead.append(w + momentum * v)
    found = steps(Descent(rate, 1, 1, momentum, nesterov=True), 30)
    np.testing.assert_allclose(found, ahead, rtol=0, atol=1e-14)


def test_a_cosine_falls_from_the_whole_rate_towards_none() -> None:
    descent = Descent(0.4, 1, 4, cosine=True)
    rates = [descent.in_epoch(epoch).learning_rate for epoch in range(4)]
    assert rates == pytest.approx([0.4, 0.2 + 0.2 * 0.5**0.5, 0.2, 0.2 - 0.2 * 0.5**0.5])
    assert Descent(0.4, 1, 4).in_epoch(3).learning_rate == 0.4


def test_every_sample_is_in_one_batch_and_every_epoch_has_its_order() -> None:
    generator = np.random.default_rng(0)
    epochs = [list(shuffled_batches(10, 4, generator)) for _ in range(2)]
    for batches in epochs:
        assert [len(batch) for batch in batches] == [4, 4, 2]
        assert sorted(np.concatenate(batches)) == list(range(10))
    assert np.concatenate(epochs[0]).tolist() != np.concatenate(epochs[1]).tolist()


def squares(weights: Weights, inputs: np.ndarray, targets: np.ndarray) -> tuple[float, Weights]:
    errors = inputs @ weights[0] - targets
    return float((errors**2).mean()), (2 * inputs.T @ errors / len(targets),)


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_descent_ends_at_the_least_squares(momentum: float, nesterov: bool) -> None:
    generator = np.random.default_rng(0)
    inputs, targets = generator.normal(size=(50, 3)), generator.integers(0, 10, 50)
    *_, (found,) = descend(Descent(0.05, 50, 1000, momentum, nesterov), squares, (np.zeros(3),), inputs, targets)
    np.testing.assert_allclose(found, np.linalg.lstsq(inputs, targets)[0], rtol=0, atol=1e-9)


def test_the_seed_decides_the_order_and_nothing_else_does() -> None:
    generator = np.random.default_rng(0)
    inputs, targets = generator.normal(size=(50, 3)), generator.integers(0, 2, 50)

    def last(seed: int) -> list[float]:
        *_, (found,) = descend(Descent(0.1, 8, 3, seed=seed), logistic_loss, (np.zeros(3),), inputs, targets)
        return found.tolist()

    assert last(1) == last(1) != last(2)


def test_a_loss_that_is_no_number_stops_with_its_place() -> None:
    inputs, targets = np.full((4, 1), 1e200), np.array([0, 0, 0, 1])
    with pytest.raises(DivergenceError, match=r"the loss became nan in epoch 2, step 1; lower the learning rate"):
        list(descend(Descent(1e200, 4, 3), logistic_loss, (np.ones(1),), inputs, targets))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"learning_rate": 0.0}, "learning_rate must be above 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be above 0"),
        ({"momentum": 1.0}, "momentum must be 0 to below 1"),
        ({"batch_size": 0}, "batch_size and epochs must be at least 1"),
        ({"epochs": 0}, "batch_size and epochs must be at least 1"),
    ],
    ids=str,
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Descent(**({"learning_rate": 0.1, "batch_size": 1, "epochs": 1} | settings))  # type: ignore[arg-type]


@pytest.mark.slow
def test_the_command_separates_the_clouds_in_four_ways(tmp_path: Path) -> None:
    done = run_module("descent", "--plot", "curves.png", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    header, *rows, plotted = done.stdout.splitlines()
    assert header.split() == ["loss", "after", "epoch", "1", "10", "100", "held", "out"]
    assert len(rows) == 4
    for row in rows:
        *losses, accuracy = (float(cell.rstrip("%")) for cell in row.split()[-4:])
        assert np.log(2) > losses[0] > losses[1] > losses[2]  # log 2: nothing is known before the first step
        assert accuracy >= 99.5
    assert plotted == "loss curves: curves.png"
    with Image.open(tmp_path / "curves.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (770, 550))


def test_a_mistake_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--momentum", "1"]) == 2
    assert capsys.readouterr() == ("", "eyespot: momentum must be 0 to below 1. Received: 1.0\n")
    (tmp_path / "file").touch()
    assert main(["--epochs", "1", "--plot", str(tmp_path / "file" / "a.png")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
