"""Heads: classifiers on fixed features that are solved and not trained in epochs, as layers of a network.

A head is fitted on features float32 [N, d], targets [N] and weights [N]; rows of weight 0 are left out, without a copy
of the others. `folds[i]` is the fold in which row i is predicted by a head that was fitted on the other folds, and -1
for a row that is left out. `calibrated` says whether a temperature makes sense of the probabilities.
"""

import warnings
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray
from scipy.special import log_softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits

from edge.errors import DatasetError

# What the inverse strength of the penalty is chosen from, the strongest penalty first.
STRENGTHS = (0.01, 0.1, 1.0)
# A loss that is not better by this share is not worth a weaker penalty.
WORTH = 0.01
# Of the gradient, where strengths are compared and for the final solution.
ROUGH_TOLERANCE, TOLERANCE = 1e-3, 1e-5
ITERATIONS = 1000
# Up to so many classes the products are too thin for threads: two of them took 20 times the processor time of one.
THIN_CLASSES = 32
# Above this size of the features a head is trained in batches, for which they need not fit in memory.
SOLVED_BYTES = 4 << 30
BATCH, BATCH_EPOCHS, BATCH_RATE = 256, 10, 1e-3

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Logistic:
    """Multinomial logistic regression, solved by scikit-learn.

    `strength` is the inverse of the penalty's (scikit-learn's C); None is chosen by the out-of-fold log loss.
    """

    penalty: Literal["l2", "l1"] | None = "l2"
    strength: float | None = None
    calibrated: ClassVar[bool] = True

    def cross_validate(
        self, features: Floats, targets: Rows, weights: Floats, folds: Rows
    ) -> tuple["Logistic", Floats]:
        """Return the head with its strength chosen, and out-of-fold probabilities float32 [N, classes]."""
        strengths = STRENGTHS if self.strength is None else (self.strength,)
        logs = np.zeros((len(strengths), len(targets), int(targets.max()) + 1), np.float32)
        for fold in range(int(folds.max()) + 1):
            inside, solver = np.flatnonzero(folds == fold), self._make_solver(ROUGH_TOLERANCE)
            others = np.where(folds == fold, 0, weights).astype(np.float32)
            for i, strength in enumerate(strengths):
                if self.penalty:
                    solver.C = strength  # and it begins where the one before ended
                kernel, bias = _solve(solver, features, targets, others)
                logs[i, inside] = log_softmax(features[inside] @ kernel + bias, axis=1)
        losses = -(logs[:, np.arange(len(targets)), targets] * weights).sum(axis=1)
        chosen = int(np.flatnonzero(losses <= losses.min() * (1 + WORTH))[0])
        return replace(self, strength=strengths[chosen]), np.exp(logs[chosen])

    def attach(self, tensor: keras.KerasTensor, features: Floats, targets: Rows, weights: Floats) -> keras.KerasTensor:
        """Return the probabilities that the fitted head gives for a tensor of features."""
        kernel, bias = _solve(self._make_solver(TOLERANCE), features, targets, weights)
        dense = layers.Dense(len(bias), "softmax", dtype="float32", name="head")
        probabilities = dense(tensor)
        dense.set_weights([kernel, bias])
        return probabilities

    def _make_solver(self, tolerance: float) -> LogisticRegression:
        sparse = self.penalty == "l1"
        return LogisticRegression(
            C=np.inf if self.penalty is None or self.strength is None else self.strength,
            l1_ratio=1.0 if sparse else 0.0,
            solver="saga" if sparse else "lbfgs",
            max_iter=ITERATIONS,
            tol=ROUGH_TOLERANCE if sparse else tolerance,  # saga takes minutes for more
            random_state=0,
            warm_start=True,
        )


def _solve(solver: LogisticRegression, features: Floats, targets: Rows, weights: Floats) -> tuple[Floats, Floats]:
    """Return kernel [d, classes] and bias [classes]."""
    classes = int(targets.max()) + 1
    if features.nbytes > SOLVED_BYTES:
        return _train_in_batches(features, targets, weights, solver.C)
    with warnings.catch_warnings(), threadpool_limits(1 if classes <= THIN_CLASSES else None):
        warnings.simplefilter("ignore", ConvergenceWarning)  # classes that can be told apart have no optimum
        solver.fit(features, targets, sample_weight=weights)
    kernel, bias = solver.coef_.T, solver.intercept_
    if classes == 2:  # of which scikit-learn solves for the difference of the logits
        kernel, bias = np.hstack([-kernel / 2, kernel / 2]), np.hstack([-bias / 2, bias / 2])
    return np.ascontiguousarray(kernel, np.float32), np.asarray(bias, np.float32)


def _train_in_batches(features: Floats, targets: Rows, weights: Floats, strength: float) -> tuple[Floats, Floats]:
    """Return kernel and bias of the same regression, found by Adam on batches of rows that are read as needed."""
    rows, classes = np.flatnonzero(weights), int(targets.max()) + 1
    penalty = keras.regularizers.L2(0.5 / (strength * len(rows)))
    dense = layers.Dense(classes, activation="softmax", kernel_initializer="zeros", kernel_regularizer=penalty)
    model = keras.Sequential([keras.Input(features.shape[1:]), dense])
    steps = -(-len(rows) // BATCH) * BATCH_EPOCHS
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


@dataclass(frozen=True)
class NearestNeighbours:
    """The `k` nearest of the training pictures vote (Starter Bundle, chapter 7), each with one vote."""

    k: int
    calibrated: ClassVar[bool] = False

    def cross_validate(
        self, features: Floats, targets: Rows, weights: Floats, folds: Rows
    ) -> tuple["NearestNeighbours", Floats]:
        """Return the head and the out-of-fold shares of the votes, float32 [N, classes]."""
        found = np.zeros((len(targets), int(targets.max()) + 1), np.float32)
        for fold in range(int(folds.max()) + 1):
            inside, others = np.flatnonzero(folds == fold), self._voters(np.where(folds == fold, 0, weights))
            voters = KNeighborsClassifier(self.k, algorithm="brute").fit(features[others], targets[others])
            found[inside[:, None], voters.classes_] = voters.predict_proba(features[inside])
        return self, found

    def attach(self, tensor: keras.KerasTensor, features: Floats, targets: Rows, weights: Floats) -> keras.KerasTensor:
        """Return the shares of the votes for a tensor of features.

        The squared distance of x to a known p is |x|^2 - 2 (x.p - |p|^2 / 2). Its first term is the same for all p, so
        the nearest are those with the largest x.p - |p|^2 / 2: one dense layer whose weights are the pictures.
        """
        rows = self._voters(weights)
        known, votes = features[rows], np.eye(int(targets.max()) + 1, dtype=np.float32)[targets[rows]]
        similarity = layers.Dense(len(known), name="similarity")
        labels = layers.Embedding(*votes.shape, name="labels")
        _, nearest = ops.top_k(similarity(tensor), self.k)
        shares = layers.GlobalAveragePooling1D(name="probabilities")(labels(nearest))
        similarity.set_weights([known.T, -0.5 * np.square(known, dtype=np.float64).sum(axis=1)])
        labels.set_weights([votes])
        return shares

    def _voters(self, weights: NDArray[np.floating]) -> Rows:
        rows = np.flatnonzero(weights)
        if len(rows) < self.k:
            raise DatasetError(
                f"{self.k} neighbours need at least {self.k} images to learn from. Received: {len(rows)}"
            )
        return rows


Head = Logistic | NearestNeighbours
