"""Look into an artifact: what it weighs, what it is made of, and what it says of a picture.

It exists because a card must show the file as it is and not as the spec says it ought to be.
"""

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from edge.errors import ModelError
from edge.model import INPUT_NAME, NETWORK_INPUT_NAME, OUTPUT_NAME, read_spec
from edge.runtime import create_session
from edge.spec import ModelSpec

# Shapes and axes, which are no parameters.
INDEX_TYPES = (TensorProto.INT64, TensorProto.BOOL)
# Behind what they round these read scales and zero points, which say how parameters are held.
ROUNDING = ("QuantizeLinear", "DequantizeLinear")


@dataclass(frozen=True)
class Answer:
    """What the file makes of one picture: its own `network_input` [1, ...], None without a seam, and [classes]."""

    network_input: NDArray[np.float32] | None
    probabilities: NDArray[np.float32]


@dataclass(frozen=True)
class Artifact:
    """A file with its spec; `parameters` of the network and nodes are counted by type, most first."""

    path: Path
    spec: ModelSpec
    size_bytes: int
    parameters: dict[str, int]
    preprocessing_nodes: dict[str, int]
    network_nodes: dict[str, int]
    session: Any

    def answer(self, pixels: NDArray[np.uint8]) -> Answer:
        """Return what the file, run as a whole, makes of uint8 RGB [H, W, 3]."""
        names = [output.name for output in self.session.get_outputs()]
        found = dict(zip(names, self.session.run(names, {INPUT_NAME: pixels[None]}), strict=True))
        return Answer(found.get(NETWORK_INPUT_NAME), found[OUTPUT_NAME][0])


def inspect_artifact(path: Path) -> Artifact:
    """Return what stands in the artifact at `path`. Raises ModelError or ModelNotFoundError."""
    spec = read_spec(path)
    model = onnx.load(path)
    if [value.name for value in model.graph.input] != [INPUT_NAME]:
        raise ModelError(f"{path}: the input must be {INPUT_NAME!r}")
    front = _before(model.graph, NETWORK_INPUT_NAME)
    return Artifact(
        path=path,
        spec=spec,
        size_bytes=path.stat().st_size,
        parameters=_parameters(model.graph, front),
        preprocessing_nodes=_counted(model.graph, front, True),
        network_nodes=_counted(model.graph, front, False),
        session=create_session(_with_seam(model), str(path)),
    )


def _parameters(graph: onnx.GraphProto, front: set[str]) -> dict[str, int]:
    """Return how many numbers of each type the network's own constants hold."""
    network = (node for node in graph.node if front.isdisjoint(node.output))
    used = {name for node in network for name in (node.input[:1] if node.op_type in ROUNDING else node.input)}
    counted: Counter[str] = Counter()
    for constant in graph.initializer:
        if constant.name in used and constant.data_type not in INDEX_TYPES:
            counted[helper.tensor_dtype_to_np_dtype(constant.data_type).name] += math.prod(constant.dims)
    return dict(counted.most_common())


def _counted(graph: onnx.GraphProto, front: set[str], in_front: bool) -> dict[str, int]:
    counted = Counter(node.op_type for node in graph.node if front.isdisjoint(node.output) != in_front)
    return dict(counted.most_common())


def _before(graph: onnx.GraphProto, name: str) -> set[str]:
    """Return the tensors that lead to the tensor `name`, and itself; none if there is no such tensor."""
    makers = {output: node for node in graph.node for output in node.output if output}
    found: set[str] = set()
    waiting = [name] if name in makers else []
    while waiting:
        node = makers.get(waiting.pop())
        if node is not None and found.isdisjoint(node.output):
            found |= set(filter(None, node.output))
            waiting += node.input
    return found


def _with_seam(model: onnx.ModelProto) -> bytes:
    """Return the model with its seam, where it has one, as a second output."""
    if any(NETWORK_INPUT_NAME in node.output for node in model.graph.node):
        model.graph.output.append(helper.make_tensor_value_info(NETWORK_INPUT_NAME, TensorProto.FLOAT, None))
    return bytes(model.SerializeToString())
