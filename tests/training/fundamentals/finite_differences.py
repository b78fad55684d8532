"""The gradient of any function by measuring its slope: slow, and without any formula of its own."""

from collections.abc import Callable

import numpy as np

# The error of a central difference is about H**2 from the curve and 1e-16 / H from the rounding: 1e-10 here.
H = 1e-6


def slope(function: Callable[[np.ndarray], float], at: np.ndarray) -> np.ndarray:
    """Return the gradient of `function` at the array `at`, of its shape."""
    result = np.empty_like(at)
    for index in np.ndindex(at.shape):
        step = np.zeros_like(at)
        step[index] = H
        result[index] = (function(at + step) - function(at - step)) / (2 * H)
    return result
