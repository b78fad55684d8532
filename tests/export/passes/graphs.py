"""Small networks to rewrite, and what onnx's own NumPy evaluator says of them before and onnxruntime after."""

from collections import Counter
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from edge.runtime import create_session
from export.passes import clean
from export.preprocess import make_model

Node = tuple[str, list[str], str, dict[str, Any]]


def chain(*nodes: tuple[str, list[Any], dict[str, Any]], shape: tuple[int, ...]) -> onnx.ModelProto:
    """A network in which each node (operator, constants, attributes) reads what the one before it makes."""
    made, constants, tensor = [], [], "x"
    for i, (operator, values, attributes) in enumerate(nodes):
        names = [f"constant_{i}_{j}" for j in range(len(values))]
        constants += [numpy_helper.from_array(np.asarray(v), n) for v, n in zip(values, names, strict=True)]
        made.append(helper.make_node(operator, [tensor, *names], [f"tensor_{i}"], **attributes))
        tensor = f"tensor_{i}"
    return network(made, constants, shape, tensor)


def network(
    nodes: list[onnx.NodeProto], constants: list[TensorProto], shape: tuple[int, ...], output: str
) -> onnx.ModelProto:
    """A network from `x` [N, *shape] to `output`."""
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *shape])]
    outputs = [onnx.ValueInfoProto(name=output)]
    model = make_model(helper.make_graph(nodes, "network", inputs, outputs, constants))
    (inferred,) = onnx.shape_inference.infer_shapes(model, data_prop=True).graph.output
    model.graph.output[0].CopyFrom(inferred)
    return model


def cleaned(model: onnx.ModelProto, tolerance: float = 1e-5) -> Counter[str]:
    """Clean, see that the answers stay and the checker is content, and return how many of each operator are left."""
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim[1:]]
    after = clean(model)
    onnx.checker.check_model(after, full_check=True)
    for batch in (1, 3):
        x = np.random.default_rng(batch).normal(size=(batch, *shape)).astype(np.float32)
        expected = ReferenceEvaluator(model).run(None, {"x": x})[0]
        found = create_session(after.SerializeToString(), "test").run(None, {"x": x})[0]
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
    return Counter(node.op_type for node in after.graph.node)


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Normally distributed float32."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)
