"""The bias trick: one more input that is always 1, so that the bias is one more weight.

It exists so that every algorithm here has weights only, and no special case for biases.
"""

import numpy as np
from numpy.typing import NDArray


def with_bias(inputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `inputs` [N, features] as [N, features + 1], the last column all ones."""
    return np.column_stack([inputs, np.ones(len(inputs))])
