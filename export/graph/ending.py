"""How a network ends: what its last operators, and the numbers themselves, say that those numbers are.

A probability that is taken for a logit gives wrong answers that no comparison can see: both sides
of it get the same head. So what the operators do not say for certain, and the numbers leave open, is refused.
"""

from dataclasses import dataclass

import numpy as np
import onnx

from edge.errors import ModelError, UsageError
from export.graph.heads import (
    LOG_PROBABILITIES,
    LOGITS,
    ONE_LOGIT,
    ONE_PROBABILITY,
    PROBABILITIES,
    ROUNDED_PROBABILITIES,
    SUM_TOLERANCE,
    TWO_SIGMOIDS,
    Head,
    Rows,
    sums_to_one,
)

# Operators that hand on the same numbers,
SAME = frozenset({"Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Dropout"})
# the same but for rounding or for what lies outside of bounds,
NEARLY_THE_SAME = frozenset({"Clip", "Min", "Max", "QuantizeLinear", "DequantizeLinear"})
# and some of them.
SELECTING = frozenset({"Slice", "Gather", "Split"})
PASSED = SAME | NEARLY_THE_SAME | SELECTING


@dataclass(frozen=True)
class Ending:
    """The operator that made the numbers, None for the input itself, and the types of those that handed them on."""

    node: onnx.NodeProto | None
    behind: frozenset[str]

    @property
    def operator(self) -> str:
        """The type of the operator; nothing for the input."""
        return self.node.op_type if self.node is not None else ""

    @property
    def selects(self) -> bool:
        """Whether only some of the numbers that the operator made are handed on."""
        return bool(self.behind & SELECTING)


def find_head(network: onnx.ModelProto, sample: Rows) -> Head:
    """Return the head of a network, from its graph and rows [N, units] that it gave.

    Raises UsageError for what cannot be classes that exclude each other, and where logits cannot be told from
    probabilities; ModelError for numbers that are not finite.
    """
    ending, units = find_ending(network.graph), sample.shape[1]
    if not np.isfinite(sample).all():
        raise ModelError("the network gives numbers that are not finite; its weights or its preprocessing are wrong")
    if ending.operator in ("Tanh", "HardSigmoid"):
        raise UsageError(f"the network ends in {ending.operator}, whose numbers are neither logits nor probabilities")
    if ending.operator == "Sigmoid":
        return _of_sigmoid(units)
    if units == 1:
        return _of_one_unit(network.graph, ending, sample)
    if ending.operator == "Softmax" and not ending.selects:
        return ROUNDED_PROBABILITIES if ending.behind - SAME else PROBABILITIES
    if sums_to_one(sample):
        return PROBABILITIES
    if ending.operator == "LogSoftmax":
        return LOG_PROBABILITIES
    _refuse_shares(sample)
    return LOGITS


def _of_sigmoid(units: int) -> Head:
    if units > 2:
        raise UsageError(
            f"the network ends in {units} independent sigmoids, so that several labels can be true at once; eyespot's "
            "probabilities exclude each other. Train it with a softmax"
        )
    return ONE_PROBABILITY if units == 1 else TWO_SIGMOIDS


def _of_one_unit(graph: onnx.GraphProto, ending: Ending, sample: Rows) -> Head:
    if ending.operator == "Softmax":
        if ending.selects:
            return ONE_PROBABILITY
        raise UsageError("the network ends in a softmax of one unit, which always says 1; it needs a unit a class")
    if _is_logarithm(graph, ending):
        raise UsageError(
            "the network gives the logarithm of one probability, which one logit is not; end it in the probability "
            "(a sigmoid) or in the logit"
        )
    _refuse_shares(sample)
    return ONE_LOGIT


def _is_logarithm(graph: onnx.GraphProto, ending: Ending) -> bool:
    """Whether an operator gives a logarithm; that of a sigmoid is minus the softplus of minus the logit."""
    if ending.operator == "Neg" and ending.node is not None:
        maker = _makers(graph).get(ending.node.input[0])
        return maker is not None and maker.op_type == "Softplus"
    return ending.operator in ("Log", "LogSoftmax")


def _refuse_shares(sample: Rows) -> None:
    """Raise UsageError if logits and probabilities look alike: all numbers lie between 0 and 1."""
    if sample.min() < -SUM_TOLERANCE or sample.max() > 1 + SUM_TOLERANCE:
        return
    several = sample.shape[1] > 1
    activation = "Softmax" if several else "Sigmoid"
    raise UsageError(
        f"the network's numbers lie between {sample.min():.3g} and {sample.max():.3g} for all {len(sample)} made "
        f"pictures{' and do not sum to 1' if several else ''}, so logits cannot be told from probabilities. If they "
        f"are logits, end the network in {activation}; if they are probabilities, let the {activation} that made them "
        f"be its last step, or let it give {'numbers that sum to 1' if several else 'two numbers, 1 - p and p'}"
    )


def find_ending(graph: onnx.GraphProto) -> Ending:
    """Return what made the numbers of the output, past the operators that hand them on."""
    makers, behind = _makers(graph), set()
    node = makers.get(graph.output[0].name)
    while node is not None and node.op_type in PASSED:
        behind.add(node.op_type)
        node = makers.get(_handed_on(node, makers))
    return Ending(node, frozenset(behind))


def _handed_on(node: onnx.NodeProto, makers: dict[str, onnx.NodeProto]) -> str:
    """Return the tensor that a node hands on; none for Min and Max of two that are computed."""
    computed: list[str] = [name for name in node.input if name in makers]
    if node.op_type in ("Min", "Max"):
        return computed[0] if len(computed) == 1 else ""
    return str(node.input[0])


def _makers(graph: onnx.GraphProto) -> dict[str, onnx.NodeProto]:
    return {output: node for node in graph.node for output in node.output if output and node.op_type != "Constant"}
