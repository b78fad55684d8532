"""`Job`, what a training works on, and `Trained`, what comes out of it before it is written."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import keras
import numpy as np
from numpy.typing import NDArray

from export.evaluation import fit_temperature
from export.run_folder import RunFolder
from training.config import TrainConfig
from training.data.prepare import Pictures
from training.data.split import Split
from training.epochs.history import History
from training.report.calibration import apply_temperature, with_temperature


@dataclass(frozen=True)
class Job:
    """One training: its options, the pictures, how they are divided, and the folder of its run."""

    config: TrainConfig
    pictures: Pictures
    split: Split
    run: RunFolder


@dataclass(frozen=True)
class Predictions:
    """Probabilities float32 [n, classes] of the pictures `rows` [n]."""

    rows: NDArray[np.int64]
    probabilities: NDArray[np.float32]


@dataclass(frozen=True)
class Trained:
    """A network that learned from the pictures `trained_rows`.

    `calibration` chooses the temperature and the threshold; the figures of the run are those of `reported`. `phases`
    says what was done, for report.json.
    """

    network: keras.Model
    trained_rows: NDArray[np.int64]
    calibration: Predictions
    reported: Predictions
    evaluated_on: Literal["test", "out-of-fold"]
    phases: tuple[dict[str, Any], ...]
    history: History = field(default_factory=History)
    temperature: float = 1.0

    def calibrated(self, targets: NDArray[np.int64]) -> "Trained":
        """Return it with its temperature in network and probabilities; `targets` [N] are those of all pictures."""
        found = self.calibration
        temperature = fit_temperature(found.probabilities, targets[found.rows])
        calibration, reported = (
            Predictions(found.rows, apply_temperature(found.probabilities, temperature))
            for found in (self.calibration, self.reported)
        )
        network = with_temperature(self.network, temperature)
        return replace(self, network=network, calibration=calibration, reported=reported, temperature=temperature)
