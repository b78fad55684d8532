"""Heads: classifiers on fixed features that are solved and not trained in epochs, as layers of a network.

A head is fitted on features float32 [N, d], and cross-validated in folds: `folds[i]` is the fold in which row i is
predicted by a head that was fitted on all other folds. Weights [N] say how much each row counts; `calibrated` says
whether a temperature makes sense of the probabilities.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.neighbors import KNeighborsClassifier

from edge.errors import DatasetError

# What the inverse strength of the penalty is chosen from, the strongest penalty first.
STRENGTHS = (0.01, 0.1, 1.0)
# A loss that is not better by this share does not pay for a weaker penalty.
WORTH = 0.01
# Of the gradient, where strengths are compared and for the final solution.
ROUGH_TOLERANCE, TOLERANCE = 1e-3, 1e-5
ITERATIONS = 1000
# Above this size of the features a head is trained in batches, for which they need not fit in memory.
SOLVED_BYTES = 4 << 30
BATCH, BATCH_EPOCHS, BATCH_RATE = 256, 10, 1e-3

Attach = Callable[[keras.KerasTensor], keras.KerasTensor]


@dataclass(frozen=True)
class Logistic:
    """Multinomial logistic regression, solved by scikit-learn.

    `strength` is the inverse of the penalty's (scikit-learn's C); None is chosen by the out-of-fold log loss.
    """

    penalty: Literal["l2", "l1"] | None = "l2"
    strength: float | None = None
    calibrated: ClassVar[bool] = True

    def cross_validate(
        self,
        features: NDArray[np.float32],
        targets: NDArray[np.int64],
        weights: NDArray[np.float32],
        folds: NDArray[np.int64],
    ) -> tuple["Logistic", NDArray[np.float32]]:
        """Return the head with its strength chosen, and out-of-fold probabilities float32 [N, classes]."""
        strengths = STRENGTHS if self.strength is None else (self.strength,)
        found = np.empty((len(strengths), len(targets), int(targets.max()) + 1), np.float32)
        for fold in range(int(folds.max()) + 1):
            inside = np.flatnonzero(folds == fold)
            # Rows of weight 0 are left out by the solver; a copy without them would take as much memory again.
            kept = np.where(folds == fold, 0, weights).astype(np.float32)
            solved = None
            for i, strength in enumerate(strengths):
                solved = replace(self, strength=strength)._solve(features, targets, kept, ROUGH_TOLERANCE, solved)
                found[i, inside] = softmax(features[inside] @ solved[0] + solved[1], axis=1)
        losses = [log_loss(targets, p, sample_weight=weights, labels=np.arange(found.shape[2])) for p in found]
        chosen = int(np.flatnonzero(np.array(losses) <= min(losses) * (1 + WORTH))[0])
        return replace(self, strength=strengths[chosen]), found[chosen]

    def fit(self, features: NDArray[np.float32], targets: NDArray[np.int64], weights: NDArray[np.float32]) -> Attach:
        """Return what puts a Dense layer with the solution, and a softmax, behind a tensor of features."""
        kernel, bias = self._solve(features, targets, weights, TOLERANCE)
        dense = layers.Dense(kernel.shape[1], dtype="float32", name="head")

        def attach(tensor: keras.KerasTensor) -> keras.KerasTensor:
            logits = dense(tensor)
            dense.set_weights([kernel, bias])
            return layers.Softmax(dtype="float32", name="probabilities")(logits)

        return attach

    def _solve(
        self,
        features: NDArray[np.float32],
        targets: NDArray[np.int64],
        weights: NDArray[np.float32],
        tolerance: float,
        start: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return kernel [d, classes] and bias [classes]; `start` is a solution to begin from."""
        if features.nbytes > SOLVED_BYTES:
            return _train_in_batches(features, targets, weights, self.strength)
        solver = LogisticRegression(
            C=np.inf if self.penalty is None or self.strength is None else self.strength,
            l1_ratio=1.0 if self.penalty == "l1" else 0.0,
            solver="saga" if self.penalty == "l1" else "lbfgs",
            max_iter=ITERATIONS,
            tol=ROUGH_TOLERANCE if self.penalty == "l1" else tolerance,  # that solver takes minutes for more
            random_state=0,
            warm_start=start is not None,
        )
        if start is not None:
            kernel, bias = start
            two = kernel.shape[1] == 2
            solver.classes_ = np.arange(kernel.shape[1])
            solver.coef_ = (kernel[:, 1:] - kernel[:, :1]).T if two else kernel.T
            solver.intercept_ = bias[1:] - bias[:1] if two else bias
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # classes that can be told apart have no optimum
            solver.fit(features, targets, sample_weight=weights)
        kernel, bias = solver.coef_.T, solver.intercept_
        if len(bias) == 1:  # of two classes scikit-learn solves for the difference of the logits
            kernel, bias = np.hstack([-kernel / 2, kernel / 2]), np.hstack([-bias / 2, bias / 2])
        return np.ascontiguousarray(kernel, np.float32), np.asarray(bias, np.float32)


@dataclass(frozen=True)
class NearestNeighbours:
    """The `k` nearest of the training pictures vote (Starter Bundle, chapter 7)."""

    k: int
    calibrated: ClassVar[bool] = False

    def cross_validate(
        self,
        features: NDArray[np.float32],
        targets: NDArray[np.int64],
        weights: NDArray[np.float32],  # noqa: ARG002 # every neighbour has one vote
        folds: NDArray[np.int64],
    ) -> tuple["NearestNeighbours", NDArray[np.float32]]:
        """Return the head and the out-of-fold shares of the votes, float32 [N, classes]."""
        found = np.zeros((len(targets), int(targets.max()) + 1), np.float32)
        for fold in range(int(folds.max()) + 1):
            inside, others = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
            self._require_enough(len(others))
            voters = KNeighborsClassifier(self.k, algorithm="brute").fit(features[others], targets[others])
            found[inside[:, None], voters.classes_] = voters.predict_proba(features[inside])
        return self, found

    def fit(
        self,
        features: NDArray[np.float32],
        targets: NDArray[np.int64],
        weights: NDArray[np.float32],  # noqa: ARG002 # every neighbour has one vote
    ) -> Attach:
        """Return what puts the vote behind a tensor of features.

        The squared distance of x to a remembered p is |x|^2 - 2 (x.p - |p|^2 / 2). Its first term is the same for all
        p, so the nearest are those with the largest x.p - |p|^2 / 2: one dense layer whose weights are the pictures.
        """
        self._require_enough(len(features))
        votes = np.eye(int(targets.max()) + 1, dtype=np.float32)[targets]
        bias = -0.5 * np.square(features, dtype=np.float64).sum(axis=1).astype(np.float32)
        similarity = layers.Dense(len(features), name="similarity")
        labels = layers.Embedding(*votes.shape, name="labels")

        def attach(tensor: keras.KerasTensor) -> keras.KerasTensor:
            _, nearest = ops.top_k(similarity(tensor), self.k)
            shares = layers.GlobalAveragePooling1D(name="probabilities")(labels(nearest))
            similarity.set_weights([features.T, bias])
            labels.set_weights([votes])
            return shares

        return attach

    def _require_enough(self, images: int) -> None:
        if images < self.k:
            raise DatasetError(f"{self.k} neighbours need at least {self.k} images to learn from. Received: {images}")


Head = Logistic | NearestNeighbours


def _train_in_batches(
    features: NDArray[np.float32], targets: NDArray[np.int64], weights: NDArray[np.float32], strength: float | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return kernel and bias of the same regression, found by Adam over batches of rows that are read as needed."""
    rows, classes = np.flatnonzero(weights), int(targets.max()) + 1
    steps = -(-len(rows) // BATCH) * BATCH_EPOCHS
    penalty = keras.regularizers.L2(0.5 / (strength * len(rows))) if strength else None
    dense = layers.Dense(classes, activation="softmax", kernel_initializer="zeros", kernel_regularizer=penalty)
    model = keras.Sequential([keras.Input(features.shape[1:]), dense])
    rate = keras.optimizers.schedules.CosineDecay(BATCH_RATE, steps)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    random = np.random.default_rng(0)
    for _ in range(BATCH_EPOCHS):
        order = random.permutation(rows)
        for start in range(0, len(order), BATCH):
            batch = np.sort(order[start : start + BATCH])
            model.train_on_batch(features[batch], targets[batch], sample_weight=weights[batch])
    kernel, bias = dense.get_weights()
    return kernel, bias
