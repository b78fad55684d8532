"""Opening a batch of one: several pictures at once get what onnx's own evaluator gives each alone."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from edge.runtime import create_session
from export.graph.adapt import open_batch
from export.preprocess import make_model

GIVEN = (2, 3, 3)
GAMMA = np.array([2, -3], np.float32)


def network() -> onnx.ModelProto:
    """Scale the channels by weights that are reshaped to [1, 2, 1, 1], and reshape the picture by a shape with a 1."""
    nodes = [
        helper.make_node("Reshape", ["gamma", "four"], ["scale"]),
        helper.make_node("Mul", ["pixels", "scale"], ["scaled"]),
        helper.make_node("Reshape", ["scaled", "whole"], ["same"]),
        helper.make_node("Reshape", ["same", "four"], ["pooled"]),
        helper.make_node("Reshape", ["pooled", "flat"], ["rows"]),
    ]
    constants = [
        numpy_helper.from_array(GAMMA, "gamma"),
        numpy_helper.from_array(np.array([1, 18, 1, 1]), "whole"),
        numpy_helper.from_array(np.array([1, -1, 1, 1]), "four"),
        numpy_helper.from_array(np.array([1, -1]), "flat"),
    ]
    ends = [
        helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, *GIVEN]),
        helper.make_tensor_value_info("rows", TensorProto.FLOAT, [1, 18]),
    ]
    return make_model(helper.make_graph(nodes, "network", ends[:1], ends[1:], constants))


def test_pictures_are_reshaped_one_by_one_and_weights_as_they_were() -> None:
    """The shape `four` is that of the weights and of a picture."""
    model = network()
    images = np.random.default_rng(0).normal(size=(4, *GIVEN)).astype(np.float32)
    alone = np.concatenate([ReferenceEvaluator(model).run(None, {"pixels": image[None]})[0] for image in images])
    model = open_batch(model)
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["N", 18]))
    found = create_session(model.SerializeToString(), "test").run(None, {"pixels": images})[0]
    np.testing.assert_array_equal(found, alone)
    np.testing.assert_array_equal(found, (images * GAMMA.reshape(1, 2, 1, 1)).reshape(4, 18))


def test_a_measure_of_a_picture_has_no_batch() -> None:
    nodes = [
        helper.make_node("Shape", ["pixels"], ["sides"]),
        helper.make_node("Reshape", ["sides", "row"], ["rows"]),
    ]
    given = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, *GIVEN])
    made = helper.make_tensor_value_info("rows", TensorProto.INT64, [1, 4])
    shape = numpy_helper.from_array(np.array([1, 4]), "row")
    model = make_model(helper.make_graph(nodes, "network", [given], [made], [shape]))
    assert open_batch(model).graph.node[1].input[1] == "row"
