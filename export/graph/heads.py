"""How the numbers that a network ends in become probabilities that sum to 1.

Networks end in many ways (see export/graph/ending.py) and an artifact in one. Each head stands here twice, as ONNX
nodes for the file and in NumPy for the source, so that the comparison checks one against the other. A temperature, by
which logits are divided so that probabilities mean what they say (C. Guo et al., On Calibration of Modern Neural
Networks, 2017), is a head behind the head: it takes logarithms of probabilities for the logits that they are.

Two independent sigmoids that are to be two classes are divided by their sum: where they agree (one is 1 minus the
other, which is what they were trained for) that changes nothing. A softmax over their logits would count the same
evidence twice.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edge.errors import ModelError
from edge.model import OUTPUT_NAME

Rows = NDArray[np.float32]

RAW_NAME = "head/raw"
# Two sigmoids that both say 0 give an even answer and not 0 divided by 0; far below what a float32 sum can show.
EVEN = 1e-30
# Of a probability that was rounded to 0 the logarithm is taken here.
SMALLEST = 1e-30
# Float32 sums of a thousand numbers, or of the few bits of a network in half precision.
SUM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Head:
    """One way to make probabilities [N, classes] of a network's numbers [N, units].

    `operators` are ONNX operators with their constants, each reading what the one before it made. `note` is what a
    user is told, None where nothing was changed.
    """

    note: str | None
    operators: tuple[str, ...]
    to_probabilities: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    temperature: float = 1.0

    def with_temperature(self, temperature: float) -> "Head":
        """Return this head with its logits divided by `temperature`; 1 leaves them as they are."""
        return replace(self, temperature=temperature)

    def classes(self, units: int) -> int:
        """Return how many classes `units` outputs become."""
        return 2 if units == 1 else units


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return rows that sum to 1, for logits [N, classes]."""
    exponentials: NDArray[np.float64] = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return shares


def both_sides(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return [1 - p, p] for probabilities [N, 1]."""
    return np.concatenate([1 - p, p], axis=1)


def sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 / (1 + exp(-logits)), by way of tanh, which does not overflow."""
    return (1 + np.tanh(logits / 2)) / 2


def shares_of_sum(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return rows that sum to 1, for numbers [N, classes] that are not negative."""
    shares: NDArray[np.float64] = (rows + EVEN) / (rows + EVEN).sum(axis=1, keepdims=True)
    return shares


PROBABILITIES = Head(None, (), lambda rows: rows)
LOGITS = Head("the network gives logits; a softmax was added", ("Softmax",), softmax)
LOG_PROBABILITIES = Head("the network gives logarithms of probabilities; a softmax undoes them", ("Softmax",), softmax)
ROUNDED_PROBABILITIES = Head(
    "the network gives probabilities that were rounded or cut (behind its softmax); the file divides them by their sum",
    ("ShareOfSum",),
    shares_of_sum,
)
ONE_PROBABILITY = Head(
    "the network gives one probability p; the file gives two classes, 1 - p and p, in the order of the labels",
    ("BothSides",),
    both_sides,
)
ONE_LOGIT = Head(
    "the network gives one logit; a sigmoid was added and the file gives two classes, 1 - p and p, in the order of the "
    "labels",
    ("Sigmoid", "BothSides"),
    lambda rows: both_sides(sigmoid(rows)),
)
TWO_SIGMOIDS = Head(
    "the network gives two independent probabilities (sigmoid); the file divides them by their sum",
    ("ShareOfSum",),
    shares_of_sum,
)


def sums_to_one(rows: NDArray[np.floating]) -> bool:
    """Whether each row is made of probabilities of classes that exclude each other."""
    return bool((rows >= 0).all() and np.allclose(rows.sum(axis=1, dtype=np.float64), 1, rtol=0, atol=SUM_TOLERANCE))


def apply_head(head: Head, rows: Rows) -> Rows:
    """Return float32 probabilities [N, classes] of what a network gave.

    Raises ModelError if a row does not sum to 1.
    """
    probabilities = head.to_probabilities(rows.astype(np.float64))
    if not sums_to_one(probabilities):
        raise ModelError(
            "the network's probabilities do not sum to 1 (its softmax is not over the classes, or not its last step)"
        )
    if head.temperature != 1:
        probabilities = softmax(np.log(np.maximum(probabilities, SMALLEST)) / head.temperature)
    return probabilities.astype(np.float32)


def attach_head(network: onnx.ModelProto, head: Head) -> onnx.ModelProto:
    """Return `network`, whose output is `probabilities`, with the head behind it; its own output becomes `head/raw`."""
    operators = [*head.operators, *(("Temperature",) if head.temperature != 1 else ())]
    if not operators:
        return network
    result = onnx.ModelProto()
    result.CopyFrom(network)
    graph = result.graph
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [RAW_NAME if name == OUTPUT_NAME else name for name in names]
    tensor = RAW_NAME
    for i, operator in enumerate(operators):
        output = OUTPUT_NAME if i == len(operators) - 1 else f"head/{operator}"
        graph.node.extend(_NODES[operator](tensor, output))
        graph.initializer.extend(_CONSTANTS.get(operator, []))
        tensor = output
    if head.temperature != 1:
        graph.initializer.append(numpy_helper.from_array(np.array(head.temperature, np.float32), "head/temperature"))
    dimension = graph.output[0].type.tensor_type.shape.dim[1]
    dimension.dim_value = head.classes(dimension.dim_value)
    return result


def _single(operator: str, **attributes: Any) -> Callable[[str, str], list[onnx.NodeProto]]:
    return lambda x, y: [helper.make_node(operator, [x], [y], name=f"head/{operator}", **attributes)]


def _both_sides(x: str, y: str) -> list[onnx.NodeProto]:
    return [
        helper.make_node("Sub", ["head/one", x], ["head/other"], name="head/Sub"),
        helper.make_node("Concat", ["head/other", x], [y], name="head/Concat", axis=1),
    ]


def _share_of_sum(x: str, y: str) -> list[onnx.NodeProto]:
    return [
        helper.make_node("Add", [x, "head/even"], ["head/positive"], name="head/Add"),
        helper.make_node("ReduceSum", ["head/positive", "head/classes"], ["head/sum"], name="head/ReduceSum"),
        helper.make_node("Div", ["head/positive", "head/sum"], [y], name="head/Div"),
    ]


def _temperature(x: str, y: str) -> list[onnx.NodeProto]:
    return [
        helper.make_node("Max", [x, "head/smallest"], ["head/above"], name="head/Max"),
        helper.make_node("Log", ["head/above"], ["head/logits"], name="head/Log"),
        # No Mul, which would be quantised.
        helper.make_node("Div", ["head/logits", "head/temperature"], ["head/cooled"], name="head/cooled"),
        helper.make_node("Softmax", ["head/cooled"], [y], name="head/Softmax_cooled", axis=1),
    ]


_NODES: dict[str, Callable[[str, str], list[onnx.NodeProto]]] = {
    "Softmax": _single("Softmax", axis=1),
    "Sigmoid": _single("Sigmoid"),
    "BothSides": _both_sides,
    "ShareOfSum": _share_of_sum,
    "Temperature": _temperature,
}
_CONSTANTS: dict[str, list[TensorProto]] = {
    "Temperature": [numpy_helper.from_array(np.array(SMALLEST, np.float32), "head/smallest")],
    "BothSides": [numpy_helper.from_array(np.array(1, np.float32), "head/one")],
    "ShareOfSum": [
        numpy_helper.from_array(np.array(EVEN, np.float32), "head/even"),
        numpy_helper.from_array(np.array([1], np.int64), "head/classes"),
    ],
}
