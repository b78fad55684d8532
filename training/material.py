"""What a training works on, and what comes out of it before it is judged and written."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from numpy.typing import NDArray

from training.data.prepare import Prepared
from training.data.split import Split
from training.data.store import Store
from training.epochs.history import History

EvaluatedOn = Literal["test", "validation", "out-of-fold"]


@dataclass(frozen=True)
class Material:
    """The data of one training: pictures, who is in which part, and where more may be kept."""

    prepared: Prepared
    split: Split
    store: Store
    folder: Path


@dataclass(frozen=True)
class Trained:
    """What came out of a training, before it is written.

    `probabilities` [n, classes] are those of the pictures `rows` that are reported on; `calibration_rows` and their
    probabilities chose the temperature, which is built into the network, and choose the threshold. `phases` says what
    was done, for report.json.
    """

    network: keras.Model
    temperature: float
    evaluated_on: EvaluatedOn
    rows: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    calibration_rows: NDArray[np.int64]
    calibration_probabilities: NDArray[np.float32]
    trained_rows: NDArray[np.int64]
    phases: tuple[dict[str, Any], ...]
    history: History = field(default_factory=History)
