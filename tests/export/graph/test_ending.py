"""How networks end: each end in the file of an adopted network, against what the network itself says, by the reference.

The reference is onnx's own evaluator, and SciPy for what eyespot adds.
"""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from scipy import special

from edge.classifier import Classifier
from edge.errors import ModelError, UsageError
from export.graph.ending import find_head
from tests.export.graph.test_heads import network, run
from tests.export.test_adopt_command import SIDE, adopt, constants, pictures, refused, save

LABELS = ("no", "yes", "maybe")
CONSTANTS = {
    "low": np.array(1e-6, np.float32),
    "high": np.array(1 - 1e-6, np.float32),
    "one": np.array(1, np.float32),
    "zero": np.array(0, np.float32),
    "half": np.array(0.5, np.float32),
    "sixth": np.array(1 / 6, np.float32),
    "three": np.array(3, np.float32),
    "six": np.array(6, np.float32),
    "large": np.array(50, np.float32),
    "step": np.array(1 / 255, np.float32),
    "point": np.array(0, np.uint8),
    "start": np.array([1]),
    "end": np.array([2]),
    "axis": np.array([1]),
    "second": np.array([1]),
}

Node = tuple[str, list[str], str]


def plain(path: Path, units: int, *ending: Node) -> Path:
    """A network that gives mixtures of its pixels as `logits`, and what `ending` makes of them."""
    generator = np.random.default_rng(7)
    weights = generator.normal(0, 6, (SIDE * SIDE * 3, 3)).astype(np.float32) / SIDE
    weights -= weights.mean(axis=0)  # or all pictures would be on one side
    nodes = [
        helper.make_node("Flatten", ["pixels"], ["rows"], axis=1),
        helper.make_node("MatMul", ["rows", "weights"], ["all"]),
        helper.make_node("Gather", ["all", "columns"], ["logits"], axis=1),
        *(
            helper.make_node(kind, list(inputs), [output], **({"axis": 1} if kind in ("Gather", "Concat") else {}))
            for kind, inputs, output in ending
        ),
    ]
    made = 2 if units == 1 and ending and ending[0][0] == "Softmax" else units  # of which one is taken
    values = constants(weights=weights, columns=np.arange(made), **CONSTANTS)
    output = helper.make_tensor_value_info(ending[-1][2] if ending else "logits", TensorProto.FLOAT, ["N", units])
    return save(path, nodes, ["N", 3, SIDE, SIDE], [output], values, opset=19)


def original(path: Path) -> np.ndarray:
    arrays = pictures().transpose(0, 3, 1, 2).astype(np.float32) / 255
    answers: np.ndarray = ReferenceEvaluator(str(path)).run(None, {"pixels": arrays})[0]
    return answers


QUANTISED: list[Node] = [
    ("QuantizeLinear", ["p", "step", "point"], "q"),
    ("DequantizeLinear", ["q", "step", "point"], "d"),
]


@pytest.mark.parametrize(
    "ending",
    [
        [("Sigmoid", ["logits"], "p"), ("Clip", ["p", "low", "high"], "c")],
        [("Sigmoid", ["logits"], "p"), ("Max", ["p", "low"], "a"), ("Min", ["high", "a"], "c")],
        [("Softmax", ["logits"], "p"), ("Slice", ["p", "start", "end", "axis"], "s")],
        [("Softmax", ["logits"], "p"), ("Gather", ["p", "second"], "s")],
        [("Sigmoid", ["logits"], "p"), *QUANTISED],
    ],
    ids=["sigmoid clipped", "sigmoid between bounds", "softmax sliced", "softmax gathered", "sigmoid in eight bits"],
)
def test_one_probability_behind_other_operators_is_one(tmp_path: Path, ending: list[Node]) -> None:
    path = plain(tmp_path / "plain.onnx", 1, *ending)
    p = original(path)
    assert p.max() - p.min() > 0.5
    found = Classifier.load(adopt(path, labels=LABELS[:2])).probabilities(pictures())
    np.testing.assert_allclose(found, np.hstack([1 - p, p]), rtol=0, atol=1e-5)


def test_a_softmax_in_eight_bits_is_divided_by_its_sum(tmp_path: Path) -> None:
    path = plain(tmp_path / "plain.onnx", 3, ("Softmax", ["logits"], "p"), *QUANTISED)
    p = original(path)
    assert np.abs(p.sum(axis=1) - 1).max() > 1e-3
    found = Classifier.load(adopt(path)).probabilities(pictures())
    np.testing.assert_allclose(found, p / p.sum(axis=1, keepdims=True), rtol=0, atol=1e-5)


def test_two_sigmoids_that_are_clipped_are_divided_by_their_sum(tmp_path: Path) -> None:
    path = plain(tmp_path / "plain.onnx", 2, ("Sigmoid", ["logits"], "p"), ("Clip", ["p", "low", "high"], "c"))
    p = original(path)
    found = Classifier.load(adopt(path, labels=LABELS[:2])).probabilities(pictures())
    np.testing.assert_allclose(found, p / p.sum(axis=1, keepdims=True), rtol=0, atol=1e-5)


MEAN_OF_TWO: list[Node] = [
    ("Sigmoid", ["logits"], "p"),
    ("Sqrt", ["p"], "other"),
    ("Add", ["p", "other"], "sum"),
    ("Mul", ["sum", "half"], "mean"),
]
BOTH: Node = ("Concat", ["rest", "mean"], "both")
HARD_SIGMOID: list[Node] = [
    ("Add", ["logits", "three"], "a"),
    ("Clip", ["a", "zero", "six"], "b"),
    ("Mul", ["b", "sixth"], "c"),
]
SMALL_LOGITS: list[Node] = [("Div", ["logits", "large"], "a"), ("Add", ["a", "half"], "b")]


@pytest.mark.parametrize(
    ("units", "ending", "remedy"),
    [
        (1, MEAN_OF_TWO, "end the network in Sigmoid"),
        (1, HARD_SIGMOID, "end the network in Sigmoid"),
        (3, HARD_SIGMOID, "do not sum to 1, so logits cannot be told from probabilities"),
        (1, SMALL_LOGITS, "end the network in Sigmoid; if they are probabilities, let the Sigmoid that made them"),
        (3, SMALL_LOGITS, "end the network in Softmax; if they are probabilities, let the Softmax that made them"),
    ],
    ids=["mean of two sigmoids", "hard sigmoid", "hard sigmoids", "a small logit", "small logits"],
)
def test_numbers_that_may_be_either_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], units: int, ending: list[Node], remedy: str
) -> None:
    path = plain(tmp_path / "plain.onnx", units, *ending)
    line = refused(capsys, path, labels=LABELS[: max(2, units)])
    assert "for all 24 made pictures" in line
    assert remedy in line


def test_the_remedy_for_a_mean_of_sigmoids_is_one(tmp_path: Path) -> None:
    """The refusal says: let it give two numbers, 1 - p and p."""
    path = plain(tmp_path / "plain.onnx", 2, *MEAN_OF_TWO, ("Sub", ["one", "mean"], "rest"), BOTH)
    model = onnx.load(path)
    next(t for t in model.graph.initializer if t.name == "columns").CopyFrom(
        numpy_helper.from_array(np.array([0]), "columns")
    )
    onnx.save(model, path)
    expected = original(path)
    found = Classifier.load(adopt(path, labels=LABELS[:2])).probabilities(pictures())
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("units", "said"), [(1, "one logit"), (3, "logits; a softmax")])
def test_logits_that_leave_the_range_of_shares_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], units: int, said: str
) -> None:
    path = plain(tmp_path / "plain.onnx", units)
    found = Classifier.load(adopt(path, labels=LABELS[: max(2, units)])).probabilities(pictures())
    logits = original(path)
    both = np.hstack([np.zeros_like(logits), logits]) if units == 1 else logits
    np.testing.assert_allclose(found, special.softmax(both, axis=1), rtol=0, atol=1e-5)
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("units", "ending", "message"),
    [
        (1, ("Log",), "the logarithm of one probability"),
        (1, ("Neg", "Softplus", "Neg"), "the logarithm of one probability"),
        (3, ("Sigmoid", "Clip"), "3 independent sigmoids"),
        (2, ("Tanh", "Identity"), "ends in Tanh"),
    ],
)
def test_what_stands_behind_an_operator_does_not_hide_it(units: int, ending: tuple[str, ...], message: str) -> None:
    model = network(units, *ending)
    with pytest.raises(UsageError, match=message):
        find_head(model, run(model, np.full((2, units), 3, np.float32)))


@pytest.mark.parametrize(
    ("units", "operator", "message"),
    [
        (3, "Sigmoid", "ends in 3 independent sigmoids, so that several labels can be true at once"),
        (1, "Softmax", "a softmax of one unit, which always says 1"),
        (2, "Tanh", "ends in Tanh, whose numbers are neither"),
    ],
)
def test_what_are_no_classes_that_exclude_each_other_is_refused(units: int, operator: str, message: str) -> None:
    model = network(units, operator)
    with pytest.raises(UsageError, match=message):
        find_head(model, run(model, np.ones((2, units), np.float32)))


def test_numbers_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ModelError, match="not finite"):
        find_head(network(2, "Identity"), np.array([[np.nan, 1]], np.float32))
