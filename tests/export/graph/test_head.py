"""Heads: what the file makes of a network's numbers, against SciPy and onnx's own evaluator, and what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from scipy import special

from edge.classifier import Classifier
from edge.errors import ModelError, UsageError
from edge.model import NETWORK_INPUT_NAME, OUTPUT_NAME
from edge.runtime import create_session
from export.graph.head import Head, apply_head, attach_head, find_head
from export.preprocess import make_model
from tests.export.test_adopt_command import SIDE, adopt, constants, pictures, save

# Logits of a sure yes, a sure no, a doubt, and both so low that a float32 sigmoid of them is 0.
LOGITS = np.array([[9.0, -9.0], [-3.0, 4.0], [0.25, 0.5], [-120.0, -120.0], [90.0, 80.0]], np.float32)


def network(units: int, *operators: str) -> onnx.ModelProto:
    """Return a network that hands its input to the operators, one after another."""
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
    """Return the head of the network, the probabilities of the file, and those that the source is given."""
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


def softmax(rows: np.ndarray) -> np.ndarray:
    return special.softmax(rows.astype(np.float64), axis=1)


@pytest.mark.parametrize(
    ("operators", "rows", "expected", "said"),
    [
        (("Identity",), LOGITS, softmax, "logits; a softmax was added"),
        (("Relu",), LOGITS, lambda rows: softmax(np.maximum(rows, 0)), "logits"),
        (("Softmax", "Reshape", "Identity"), LOGITS, softmax, None),
        (("LogSoftmax",), LOGITS, softmax, "logarithms"),
        (("Sigmoid",), LOGITS, shares, "two independent probabilities"),
        (("Sigmoid", "Reshape"), LOGITS[:, :1], two_sides, "one probability p"),
        (("Identity",), LOGITS[:, 1:], two_sides, "one logit; a sigmoid was added"),
    ],
    ids=["logits", "relu", "softmax reshaped", "log", "two sigmoids", "one sigmoid", "one logit"],
)
def test_the_file_answers_by_the_formula(operators, rows, expected, said) -> None:
    head, found, of_source = headed(network(rows.shape[1], *operators), rows)
    # Float32 exponentials and one division.
    np.testing.assert_allclose(found, expected(rows), rtol=0, atol=1e-6)
    np.testing.assert_allclose(of_source, expected(rows), rtol=0, atol=1e-6)
    assert said in head.note if said else head.note is None
    cooled = replace(head, temperature=2.5)
    logarithms = np.log(np.maximum(expected(rows), 1e-30)) / 2.5
    np.testing.assert_allclose(
        run(attach_head(network(rows.shape[1], *operators), cooled), rows), softmax(logarithms), rtol=0, atol=1e-4
    )


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


@pytest.mark.parametrize(
    ("units", "operators", "row", "kind"),
    [
        (2, ("Softmax",), (2.0, 3.0), ModelError),  # behind it something that the graph does not show
        (2, ("Identity",), (np.nan, 1.0), ModelError),
        (3, ("Sigmoid", "Clip"), (3.0, 3.0, 3.0), UsageError),  # several labels can be true
        (2, ("Tanh", "Identity"), (3.0, 3.0), UsageError),
        (1, ("Softmax",), (1.0,), UsageError),  # always says 1
        (1, ("Log",), (3.0,), UsageError),
        (1, ("Neg", "Softplus", "Neg"), (3.0,), UsageError),  # the logarithm of a sigmoid
        (1, ("Identity",), (0.3,), UsageError),  # logit or probability?
        (3, ("Identity",), (0.3, 0.4, 0.5), UsageError),
    ],
)
def test_what_are_no_exclusive_classes_is_refused(units, operators, row, kind) -> None:
    rows = np.array([row, row], np.float32)
    with pytest.raises(kind):
        apply_head(find_head(network(units, *operators), rows), rows)


CONSTANTS = {
    "low": np.array(1e-6, np.float32),
    "high": np.array(1 - 1e-6, np.float32),
    "step": np.array(1 / 255, np.float32),
    "point": np.array(0, np.uint8),
    "start": np.array([1]),
    "end": np.array([2]),
    "axis": np.array([1]),
}
Node = tuple[str, list[str], str]
QUANTISED: list[Node] = [
    ("QuantizeLinear", ["p", "step", "point"], "q"),
    ("DequantizeLinear", ["q", "step", "point"], "d"),
]


def plain(path: Path, units: int, *ending: Node) -> Path:
    """A network that gives mixtures of its pixels as `logits`, and what `ending` makes of them."""
    weights = np.random.default_rng(7).normal(0, 6, (SIDE * SIDE * 3, 3)).astype(np.float32) / SIDE
    weights -= weights.mean(axis=0)  # or all pictures would be on one side
    nodes = [
        helper.make_node("Flatten", ["pixels"], ["rows"], axis=1),
        helper.make_node("MatMul", ["rows", "weights"], ["all"]),
        helper.make_node("Gather", ["all", "columns"], ["logits"], axis=1),
        *(helper.make_node(kind, list(inputs), [output]) for kind, inputs, output in ending),
    ]
    made = 2 if units == 1 and ending[0][0] == "Softmax" else units  # of which one is taken
    values = constants(weights=weights, columns=np.arange(made), **CONSTANTS)
    output = helper.make_tensor_value_info(ending[-1][2], TensorProto.FLOAT, ["N", units])
    return save(path, nodes, ["N", 3, SIDE, SIDE], [output], values, opset=19)


@pytest.mark.parametrize(
    ("units", "ending"),
    [
        (1, [("Sigmoid", ["logits"], "p"), ("Max", ["p", "low"], "a"), ("Min", ["high", "a"], "c")]),
        (1, [("Softmax", ["logits"], "p"), ("Slice", ["p", "start", "end", "axis"], "s")]),
        (3, [("Softmax", ["logits"], "p"), *QUANTISED]),
        (2, [("Sigmoid", ["logits"], "p"), ("Clip", ["p", "low", "high"], "c")]),
    ],
    ids=["sigmoid between bounds", "softmax sliced", "softmax in eight bits", "two sigmoids clipped"],
)
def test_probabilities_behind_other_operators(tmp_path: Path, units: int, ending: list[Node]) -> None:
    path = plain(tmp_path / "plain.onnx", units, *ending)
    arrays = pictures().transpose(0, 3, 1, 2).astype(np.float32) / 255
    p = ReferenceEvaluator(str(path)).run(None, {"pixels": arrays})[0]
    assert p.max() - p.min() > 0.5
    expected = np.hstack([1 - p, p]) if units == 1 else p / p.sum(axis=1, keepdims=True)
    found = Classifier.load(adopt(path, labels=("no", "yes", "maybe")[: max(2, units)])).probabilities(pictures())
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
