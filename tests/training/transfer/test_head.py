"""Heads against scikit-learn: the same weights, the same out-of-fold answers, the same votes."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier

from edge.errors import DatasetError
from export.quiet_tensorflow import start_tensorflow

start_tensorflow()
import keras

from training.transfer.head import STRENGTHS, Head, Logistic, NearestNeighbours

DIMENSIONS = 12


def problem(classes: int, count: int = 90) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features of classes that overlap, their targets, and folds."""
    chance = np.random.default_rng(classes)
    targets = np.arange(count) % classes
    centres = chance.normal(0, 1, (classes, DIMENSIONS))
    features = (centres[targets] + chance.normal(0, 1.2, (count, DIMENSIONS))).astype(np.float32)
    return features, targets, np.arange(count) // classes % 5


def answers(head: Head, features: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """What the layers say that a fitted head becomes."""
    tensor = keras.Input((DIMENSIONS,))
    fitted = keras.Model(tensor, head.attach(tensor, features, targets, weights))
    return np.asarray(fitted.predict(features, verbose=0))


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Solve until nothing changes any more, as the oracles do."""
    monkeypatch.setattr("training.transfer.head.TOLERANCE", 1e-6)
    monkeypatch.setattr("training.transfer.head.ROUGH_TOLERANCE", 1e-6)
    monkeypatch.setattr("training.transfer.head.ITERATIONS", 20_000)


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("penalty", ["l2", "l1", None])
def test_a_logistic_head_is_scikit_learns(classes: int, penalty: str | None) -> None:
    features, targets, _ = problem(classes)
    weights = np.where(targets == 0, 2, 0.5).astype(np.float32)
    oracle = LogisticRegression(
        C=0.3 if penalty else np.inf,
        l1_ratio=1.0 if penalty == "l1" else 0.0,
        solver="saga" if penalty == "l1" else "lbfgs",
        tol=1e-6,
        max_iter=20_000,
    ).fit(features.astype(np.float64), targets, weights)
    found = answers(Logistic(penalty, 0.3), features, targets, weights)  # type: ignore[arg-type]
    assert found == pytest.approx(oracle.predict_proba(features), abs=5e-3)


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("classes", [2, 3])
def test_out_of_fold_answers_and_the_strength_are_scikit_learns(classes: int) -> None:
    features, targets, folds = problem(classes)
    ones = np.ones(len(targets), np.float32)
    expected = {}
    for strength in STRENGTHS:
        solver = LogisticRegression(C=strength, tol=1e-6, max_iter=5000)
        split = PredefinedSplit(folds)
        expected[strength] = cross_val_predict(solver, features, targets, cv=split, method="predict_proba")
        _, found = Logistic(strength=strength).cross_validate(features, targets, ones, folds)
        assert found == pytest.approx(expected[strength], abs=5e-3)
    head, found = Logistic().cross_validate(features, targets, ones, folds)
    losses = {strength: log_loss(targets, probabilities) for strength, probabilities in expected.items()}
    assert head.strength
    assert losses[head.strength] <= 1.011 * min(losses.values())
    assert found == pytest.approx(expected[head.strength], abs=5e-3)
    again = Logistic().cross_validate(features, targets, ones, folds)
    assert again[0] == head
    assert np.array_equal(again[1], found)


def test_what_is_too_large_is_learned_in_batches_to_nearly_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    features, targets, folds = problem(3, 600)
    folds, ones = folds % 2, np.ones(len(targets), np.float32)
    head = Logistic(strength=0.01)
    solved, solved_folds = (
        answers(head, features, targets, ones),
        head.cross_validate(features, targets, ones, folds)[1],
    )
    monkeypatch.setattr("training.transfer.head.SOLVED_BYTES", 1000)
    monkeypatch.setattr("training.transfer.head.BATCH", 32)
    monkeypatch.setattr("training.transfer.head.BATCH_RATE", 2e-2)
    for found, exact in (
        (answers(head, features, targets, ones), solved),
        (head.cross_validate(features, targets, ones, folds)[1], solved_folds),
    ):
        assert np.abs(found - exact).mean() < 0.03
        assert (found.argmax(1) == exact.argmax(1)).mean() > 0.97


@pytest.mark.parametrize("k", [1, 5])
def test_neighbours_vote_as_scikit_learns(k: int) -> None:
    features, targets, folds = problem(3)
    ones = np.ones(len(targets), np.float32)
    oracle = KNeighborsClassifier(k)
    expected = cross_val_predict(oracle, features, targets, cv=PredefinedSplit(folds), method="predict_proba")
    head, found = NearestNeighbours(k).cross_validate(features, targets, ones, folds)
    assert (head, found) == (NearestNeighbours(k), pytest.approx(expected))
    assert answers(head, features, targets, ones) == pytest.approx(
        oracle.fit(features, targets).predict_proba(features)
    )


def test_more_neighbours_than_pictures_are_refused() -> None:
    features, targets, folds = problem(3)
    with pytest.raises(DatasetError):
        NearestNeighbours(80).cross_validate(features, targets, np.ones(90, np.float32), folds)


@pytest.mark.parametrize("head", [Logistic(strength=0.3), NearestNeighbours(3)], ids=["logistic", "neighbours"])
def test_rows_of_weight_0_are_left_out(head: Head) -> None:
    features, targets, folds = problem(3)
    weights = np.ones(90, np.float32)
    weights[60:], folds[60:] = 0, -1
    whole = answers(head, features, targets, weights)[:60]
    assert whole == pytest.approx(answers(head, features[:60], targets[:60], weights[:60]), abs=2e-3)
    _, found = head.cross_validate(features, targets, weights, folds)
    _, expected = head.cross_validate(features[:60], targets[:60], weights[:60], folds[:60])
    assert found[:60] == pytest.approx(expected, abs=2e-2)
