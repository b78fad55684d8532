"""What a descent moves, and what it follows down: the types that losses and networks share with it."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Weights = tuple[NDArray[np.float64], ...]
# Weights, inputs [N, features] and targets [N] to the mean loss and its gradient by each of the weights.
Objective = Callable[[Weights, NDArray[np.float64], NDArray[np.int64]], tuple[float, Weights]]
