"""Conversion without copies: the same graph to the byte, and nothing left behind."""

import os

import pytest
from tf2onnx.graph import Node

from export.quiet_tensorflow import start_tensorflow
from export.sources.lean_conversion import VARIABLE, lean_conversion

start_tensorflow()
import contextlib

import keras
from keras import layers

from export.sources.tensorflow import keras_original


def convert() -> bytes:
    keras.utils.set_random_seed(1)
    inner = [layers.Conv2D(8, 3, padding="same"), layers.BatchNormalization(), layers.ReLU(), layers.MaxPooling2D()]
    end = [layers.DepthwiseConv2D(3), layers.Flatten(), layers.Dense(40, "relu"), layers.Dense(3, "softmax")]
    model = keras.Sequential([keras.Input((12, 12, 3)), *inner, *end])
    return keras_original(model, "test").convert((12, 12, 3), 3).SerializeToString(deterministic=True)


def test_the_network_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    lean = convert()
    monkeypatch.setattr("export.sources.tensorflow.lean_conversion", contextlib.nullcontext)
    assert convert() == lean


@pytest.mark.parametrize("before", [None, "TRUE"])
def test_nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch, before: str | None) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    if before:
        monkeypatch.setenv(VARIABLE, before)
    update = Node.update_proto
    with lean_conversion():
        assert (os.environ[VARIABLE], Node.update_proto is update) == ("FALSE", False)
    assert (os.environ.get(VARIABLE), Node.update_proto) == (before, update)
