"""What only hands on what it gets."""

import numpy as np
from onnx import TensorProto

from tests.export.passes.graphs import chain, cleaned


def test_identity_and_dropout_go() -> None:  # rule 1
    model = chain(("Identity", [], {}), ("Relu", [], {}), ("Dropout", [], {}), ("Identity", [], {}), shape=(3,))
    assert cleaned(model) == {"Relu": 1}


def test_a_cast_goes_only_if_it_casts_nothing() -> None:  # rule 2
    double = ("Cast", [], {"to": TensorProto.DOUBLE})
    model = chain(("Cast", [], {"to": TensorProto.FLOAT}), double, ("Relu", [], {}), shape=(3,))
    assert cleaned(model) == {"Cast": 1, "Relu": 1}


def test_a_network_that_does_nothing_keeps_one_node() -> None:
    assert cleaned(chain(("Identity", [], {}), shape=(3,))) == {"Identity": 1}


def test_a_dropout_that_is_told_to_train_stays() -> None:
    model = chain(("Dropout", [np.float32(0.0), np.array(True)], {}), ("Relu", [], {}), shape=(3,))
    assert cleaned(model) == {"Dropout": 1, "Relu": 1}
