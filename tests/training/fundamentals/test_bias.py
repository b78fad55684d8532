import numpy as np

from training.fundamentals.bias import with_bias


def test_the_last_input_is_one() -> None:
    inputs = np.array([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(with_bias(inputs), [[1, 2, 1], [3, 4, 1]])


def test_the_last_weight_is_the_bias() -> None:
    inputs, weights = np.array([[2.0, 5.0]]), np.array([3.0, 1.0, 0.25])
    assert (with_bias(inputs) @ weights)[0] == 2 * 3 + 5 + 0.25
