"""The head of a network: how the numbers that it ends in become probabilities that sum to 1.

The last operators and the numbers themselves tell what those numbers are. No comparison sees a probability that was
taken for a logit, because both sides get the same head; so what is left open is refused. Each head is here twice, as
ONNX text for the file and in NumPy for the source, which parity compares. Two sigmoids for two classes are divided by
their sum, for a softmax over their logits would count the same evidence twice.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import parser

from edge.errors import ModelError, UsageError
from edge.model import OUTPUT_NAME
from export.graph.merge import rename

Rows = NDArray[np.float32]
Exact = NDArray[np.float64]

# The network's own output, where a head follows it.
RAW_NAME = "head_raw"
# Added to numbers before they are divided by their sum (0 and 0 become equal shares), and the smallest probability
# whose logarithm is taken.
SMALLEST = 1e-30
# Float32 sums of a thousand numbers, or of the few bits of a network in half precision.
SUM_TOLERANCE = 1e-3

# Operators that hand on the same numbers,
SAME = frozenset({"Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Dropout"})
# the same but for rounding or for what is outside of bounds,
NEARLY_THE_SAME = frozenset({"Clip", "Min", "Max", "QuantizeLinear", "DequantizeLinear"})
# and some of them.
SELECTING = frozenset({"Slice", "Gather", "Split"})


@dataclass(frozen=True)
class Head:
    """One way to make probabilities [N, classes] of a network's numbers [N, units].

    `graph` is ONNX text from `{x}` to `{y}`, "" where nothing changes, `to_probabilities` the same in NumPy, and `note`
    a sentence for the user. Logits are divided by `temperature`, so that probabilities mean what they say (C. Guo et
    al., On Calibration of Modern Neural Networks, 2017); the logarithms of probabilities are such logits.
    """

    note: str | None
    graph: str
    to_probabilities: Callable[[Exact], Exact]
    temperature: float = 1.0

    def classes(self, units: int) -> int:
        """Return how many classes `units` outputs become."""
        return 2 if units == 1 else units


def _softmax(logits: Exact) -> Exact:
    exponentials: Exact = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Exact = exponentials / exponentials.sum(axis=1, keepdims=True)
    return shares


def _both_sides(p: Exact) -> Exact:
    return np.concatenate([1 - p, p], axis=1)


def _shares(rows: Exact) -> Exact:
    shares: Exact = (rows + SMALLEST) / (rows + SMALLEST).sum(axis=1, keepdims=True)
    return shares


SOFTMAX = "{y} = Softmax <axis = 1> ({x})"
BOTH_SIDES = "head_other = Sub (head_one, {x}) {y} = Concat <axis = 1> (head_other, {x})"
SHARES = (
    "head_positive = Add ({x}, head_smallest) head_sum = ReduceSum (head_positive, head_axis) "
    "{y} = Div (head_positive, head_sum)"
)
# With Div and not Mul, which would be quantised.
TEMPERATURE = (
    "head_above = Max ({x}, head_smallest) head_logits = Log (head_above) "
    "head_cooled = Div (head_logits, head_temperature) {y} = Softmax <axis = 1> (head_cooled)"
)

PROBABILITIES = Head(None, "", lambda rows: rows)
LOGITS = Head("the network gives logits; a softmax was added", SOFTMAX, _softmax)
LOG_PROBABILITIES = Head("the network gives logarithms of probabilities; a softmax undoes them", SOFTMAX, _softmax)
ROUNDED_PROBABILITIES = Head(
    "the network gives probabilities that were rounded or cut; the file divides them by their sum", SHARES, _shares
)
TWO_SIGMOIDS = Head(
    "the network gives two independent probabilities (sigmoid); the file divides them by their sum", SHARES, _shares
)
ONE_PROBABILITY = Head(
    "the network gives one probability p; the file gives two classes, 1 - p and p, in the order of the labels",
    BOTH_SIDES,
    _both_sides,
)
ONE_LOGIT = Head(
    "the network gives one logit; a sigmoid was added and the file gives two classes, 1 - p and p, in the order of the "
    "labels",
    "head_p = Sigmoid ({x}) " + BOTH_SIDES.replace("{x}", "head_p"),
    lambda rows: _both_sides((1 + np.tanh(rows / 2)) / 2),  # a sigmoid that does not overflow
)


def find_head(network: onnx.ModelProto, sample: Rows) -> Head:
    """Return the head that a network needs, by its graph and by rows [N, units] that it gave.

    Raises UsageError for numbers that are not those of exclusive classes or that may be logits and probabilities,
    ModelError for numbers that are not finite.
    """
    operator, after, units = *_last_operator(network.graph), sample.shape[1]
    if not np.isfinite(sample).all():
        raise ModelError("the network gives numbers that are not finite; its weights or its preprocessing are wrong")
    if operator in ("Tanh", "HardSigmoid"):
        raise UsageError(f"the network ends in {operator}, whose numbers are neither logits nor probabilities")
    if operator == "Sigmoid" and units > 2:
        raise UsageError(
            f"the network ends in {units} independent sigmoids, so that several labels can be true at once; eyespot's "
            "probabilities exclude each other. Train it with a softmax"
        )
    if operator == "Sigmoid":
        return ONE_PROBABILITY if units == 1 else TWO_SIGMOIDS
    if operator == "Softmax" and units == 1 and not after & SELECTING:
        raise UsageError("the network ends in a softmax of one unit, which always says 1; it needs a unit a class")
    if operator == "Softmax" and units == 1:
        return ONE_PROBABILITY
    if operator == "Softmax" and not after & SELECTING:
        return ROUNDED_PROBABILITIES if after - SAME else PROBABILITIES
    if units > 1 and _sums_to_one(sample):
        return PROBABILITIES
    if operator in ("Log", "LogSoftmax", "LogSigmoid") and units == 1:
        raise UsageError(
            "the network gives the logarithm of one probability, which one logit is not; end it in the probability "
            "(a sigmoid) or in the logit"
        )
    if operator == "LogSoftmax":
        return LOG_PROBABILITIES
    _refuse_shares(sample)
    return ONE_LOGIT if units == 1 else LOGITS


def _refuse_shares(sample: Rows) -> None:
    """Raise UsageError if logits and probabilities look alike: all numbers are between 0 and 1."""
    if sample.min() < -SUM_TOLERANCE or sample.max() > 1 + SUM_TOLERANCE:
        return
    several = sample.shape[1] > 1
    activation = "Softmax" if several else "Sigmoid"
    raise UsageError(
        f"the network's numbers are between {sample.min():.3g} and {sample.max():.3g} for all {len(sample)} made "
        f"pictures{' and do not sum to 1' if several else ''}, so logits cannot be told from probabilities. If they "
        f"are logits, end the network in {activation}; if they are probabilities, let the {activation} that made them "
        f"be its last step, or let it give {'numbers that sum to 1' if several else 'two numbers, 1 - p and p'}"
    )


def _last_operator(graph: onnx.GraphProto) -> tuple[str, frozenset[str]]:
    """Return the operator that made the numbers of the output, "" for the input, and those that handed them on.

    Minus the softplus of minus a logit is called LogSigmoid.
    """
    makers = {output: node for node in graph.node for output in node.output if output and node.op_type != "Constant"}
    after: set[str] = set()
    node = makers.get(graph.output[0].name)
    while node is not None and node.op_type in SAME | NEARLY_THE_SAME | SELECTING:
        after.add(node.op_type)
        sources = list(node.input[:1])
        if node.op_type in ("Min", "Max"):  # which may have their bound first, or none
            sources = [name for name in node.input if name in makers]
        node = makers.get(sources[0]) if len(sources) == 1 else None
    if node is None:
        return "", frozenset(after)
    if node.op_type == "Neg" and node.input[0] in makers and makers[node.input[0]].op_type == "Softplus":
        return "LogSigmoid", frozenset(after)
    return node.op_type, frozenset(after)


def _sums_to_one(rows: NDArray[np.floating]) -> bool:
    return bool((rows >= 0).all() and np.allclose(rows.sum(axis=1, dtype=np.float64), 1, rtol=0, atol=SUM_TOLERANCE))


def apply_head(head: Head, rows: Rows) -> Rows:
    """Return float32 probabilities [N, classes] for a network's numbers [N, units].

    Raises ModelError if a row does not sum to 1.
    """
    probabilities = head.to_probabilities(rows.astype(np.float64))
    if not _sums_to_one(probabilities):
        raise ModelError(
            "the network's probabilities do not sum to 1 (its softmax is not over the classes, or not its last step)"
        )
    if head.temperature != 1:
        probabilities = _softmax(np.log(np.maximum(probabilities, SMALLEST)) / head.temperature)
    return probabilities.astype(np.float32)


def attach_head(network: onnx.ModelProto, head: Head) -> onnx.ModelProto:
    """Return `network`, whose output is `probabilities`, with the head after it."""
    texts = [text for text in (head.graph, TEMPERATURE if head.temperature != 1 else "") if text]
    if not texts:
        return network
    names = [RAW_NAME, *["head_shares"][: len(texts) - 1], OUTPUT_NAME]
    text = " ".join(t.format(x=x, y=y) for t, x, y in zip(texts, names[:-1], names[1:], strict=True))
    constants = {
        "head_one": "float head_one = {1.0}",
        "head_smallest": f"float head_smallest = {{{SMALLEST}}}",
        "head_axis": "int64[1] head_axis = {1}",
        "head_temperature": f"float head_temperature = {{{float(np.float32(head.temperature))!r}}}",
    }
    used = ", ".join(constant for name, constant in constants.items() if name in text)
    graph = parser.parse_graph(
        f"head (float[N, U] {RAW_NAME}) => (float[N, C] {OUTPUT_NAME}) {f'<{used}>' if used else ''} {{ {text} }}"
    )
    for node in graph.node:
        node.name = node.output[0]
    result = rename(network, {OUTPUT_NAME: RAW_NAME})
    result.graph.node.extend(graph.node)
    result.graph.initializer.extend(graph.initializer)
    dimension = result.graph.output[0].type.tensor_type.shape.dim[1]
    dimension.dim_value = head.classes(dimension.dim_value)
    return result
