"""What half precision cannot hold: the largest numbers of a network, against those that NumPy finds."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from edge.errors import ParityError
from export.quantize.half_range import LARGEST_HALF, largest_inside, largest_weight, require_half_range
from tests.export.quantize.test_int8 import IMAGES, small_network


def scaled(name: str, factor: float) -> onnx.ModelProto:
    """The small network with one of its constants multiplied."""
    model = small_network()
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == name)
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(factor), name))
    return model


def test_the_limit_is_that_of_numpy() -> None:
    assert np.finfo(np.float16).max == LARGEST_HALF
    require_half_range(small_network(), IMAGES)


def test_a_weight_beyond_it_is_refused_with_its_node() -> None:
    model = scaled("filters", 1e6)
    where, largest = largest_weight(model)
    filters = next(numpy_helper.to_array(tensor) for tensor in model.graph.initializer if tensor.name == "filters")
    assert (where, largest) == ("a weight of the node 'conv'", np.abs(filters).max())
    with pytest.raises(ParityError, match=r"a weight of the node 'conv' reaches \d\.\d+e\+05, and half precision ends"):
        require_half_range(model, IMAGES * 0)


def test_a_number_inside_beyond_it_is_refused_with_its_node() -> None:
    """The largest stands in the fortieth picture, beyond the first batch, and is negative."""
    model = scaled("offsets", 1)
    images = np.concatenate([IMAGES, IMAGES])
    images[40] *= np.float32(-1e5)
    where, largest = largest_inside(model, images)
    model.graph.output.extend([onnx.ValueInfoProto(name=name) for name in ("c", "r", "logits")])
    inner = ReferenceEvaluator(model).run(None, {"network_input": images})
    assert where == "the node 'conv'"
    assert largest == pytest.approx(max(np.abs(values).max() for values in inner), rel=1e-5)
    with pytest.raises(ParityError, match=r"the node 'conv' reaches .* beyond which a GPU computes infinity"):
        require_half_range(model, images)


def test_what_is_not_finite_is_refused() -> None:
    with pytest.raises(ParityError, match="reaches nan"):
        require_half_range(small_network(), IMAGES * np.float32(np.nan))
