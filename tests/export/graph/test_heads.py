"""Heads: what is made of a network's numbers, in the file by onnxruntime, against formulas worked out by SciPy."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from scipy import special

from edge.errors import ModelError
from edge.model import NETWORK_INPUT_NAME, OUTPUT_NAME
from edge.runtime import create_session
from export.graph.ending import find_head
from export.graph.heads import Head, apply_head, attach_head
from export.preprocess import make_model

# Logits of a sure yes, a sure no, a doubt, and both so low that a float32 sigmoid of them is 0.
LOGITS = np.array([[9.0, -9.0], [-3.0, 4.0], [0.25, 0.5], [-120.0, -120.0], [90.0, 80.0]], np.float32)


def network(units: int, *operators: str) -> onnx.ModelProto:
    """Return a network that hands its input to the operators, one behind another."""
    names = [NETWORK_INPUT_NAME, *(f"t{i}" for i in range(len(operators) - 1)), OUTPUT_NAME]
    nodes = [
        helper.make_node(operator, [names[i], *(["shape"] if operator == "Reshape" else [])], [names[i + 1]])
        for i, operator in enumerate(operators)
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", units])
        for name in (NETWORK_INPUT_NAME, OUTPUT_NAME)
    ]
    shape = [numpy_helper.from_array(np.array([-1, units]), "shape")] if "Reshape" in operators else []
    return make_model(helper.make_graph(nodes, "network", ends[:1], ends[1:], shape))


def run(model: onnx.ModelProto, rows: np.ndarray) -> np.ndarray:
    onnx.checker.check_model(model, full_check=True)
    session = create_session(model.SerializeToString(), "test")
    result: np.ndarray = session.run([OUTPUT_NAME], {NETWORK_INPUT_NAME: rows})[0]
    return result


def headed(model: onnx.ModelProto, rows: np.ndarray) -> tuple[Head, np.ndarray, np.ndarray]:
    """Return the head of the network, the probabilities of the file, and those that the original is given."""
    raw = run(model, rows)
    head = find_head(model, raw)
    return head, run(attach_head(model, head), rows), apply_head(head, raw)


def shares(rows: np.ndarray) -> np.ndarray:
    p = special.expit(rows.astype(np.float64))
    both_zero = p.astype(np.float32).sum(axis=1, keepdims=True) == 0
    return np.where(both_zero, 0.5, p / p.sum(axis=1, keepdims=True))


def two_sides(rows: np.ndarray) -> np.ndarray:
    p = special.expit(rows.astype(np.float64))
    return np.hstack([1 - p, p])


@pytest.mark.parametrize(
    ("operators", "rows", "expected", "said"),
    [
        (("Identity",), LOGITS, special.softmax, "logits; a softmax was added"),
        (("Relu",), LOGITS, lambda rows: special.softmax(np.maximum(rows, 0), axis=1), "logits"),
        (("Softmax",), LOGITS, special.softmax, None),
        (("Softmax", "Reshape", "Identity"), LOGITS, special.softmax, None),
        (("LogSoftmax",), LOGITS, special.softmax, "logarithms"),
        (("Sigmoid",), LOGITS, shares, "two independent probabilities"),
        (("Sigmoid", "Reshape"), LOGITS[:, :1], two_sides, "one probability p"),
        (("Identity",), LOGITS[:, 1:], two_sides, "one logit; a sigmoid was added"),
    ],
    ids=["logits", "relu", "softmax", "softmax reshaped", "log", "two sigmoids", "one sigmoid", "one logit"],
)
def test_the_file_says_what_the_formula_says(operators, rows, expected, said) -> None:
    head, found, of_original = headed(network(rows.shape[1], *operators), rows)
    wanted = expected(rows, axis=1) if expected is special.softmax else expected(rows)
    # Float32 exponentials and one division.
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)
    np.testing.assert_allclose(of_original, wanted, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=0, atol=1e-6)
    assert said in head.note if said else head.note is None


def test_two_sigmoids_that_agree_stay_as_they_are() -> None:
    """One is 1 minus the other: their shares are themselves, where a softmax would count the evidence twice."""
    logits = np.array([[1.5, -1.5], [-0.3, 0.3]], np.float32)
    _, found, _ = headed(network(2, "Sigmoid"), logits)
    np.testing.assert_allclose(found, special.expit(logits), rtol=0, atol=1e-6)


def test_probabilities_that_no_softmax_made_are_left_alone() -> None:
    """Forests of scikit-learn end so: the rows themselves say what they are."""
    rows = np.array([[0.2, 0.3, 0.5], [1, 0, 0]], np.float32)
    head, found, _ = headed(network(3, "Identity"), rows)
    assert head.note is None
    np.testing.assert_array_equal(found, rows)


def test_a_softmax_that_is_not_the_last_step_is_found_by_its_sums() -> None:
    rows = np.array([[2.0, 3.0]], np.float32)
    head = find_head(network(2, "Softmax"), rows)
    with pytest.raises(ModelError, match="do not sum to 1"):
        apply_head(head, rows)
