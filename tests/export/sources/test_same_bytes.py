"""The same network gives the same bytes in every process, however the converter's sets happen to be ordered."""

import os
import subprocess
import sys

import pytest

# EfficientNetV2's squeeze-and-excitation, twice: the part in which one process in twenty kept a Reshape more.
CONVERT = """
import hashlib
from export.quiet_tensorflow import start_tensorflow
start_tensorflow()
import keras
from keras import layers
from export.sources.tensorflow import keras_source

def block(x, filters):
    y = layers.Conv2D(filters, 1, activation="swish", padding="same")(x)
    y = layers.BatchNormalization()(layers.DepthwiseConv2D(3, padding="same", activation="swish")(y))
    s = layers.Reshape((1, 1, filters))(layers.GlobalAveragePooling2D()(y))
    s = layers.Conv2D(4, 1, activation="swish")(s)
    y = layers.Multiply()([y, layers.Conv2D(filters, 1, activation="sigmoid")(s)])
    return layers.Add()([x, layers.Conv2D(x.shape[-1], 1)(y)])

keras.utils.set_random_seed(3)
start = keras.Input((12, 12, 3))
x = layers.Conv2D(8, 3, strides=2)(start)
for _ in range(4):
    x = block(x, 16)
network = keras.Model(start, layers.Dense(4, "softmax")(layers.GlobalAveragePooling2D()(x)))
converted = keras_source(network, "test").convert((12, 12, 3), 4)
print(hashlib.sha256(converted.SerializeToString(deterministic=True)).hexdigest())
"""


@pytest.mark.slow
def test_the_order_of_sets_and_a_busy_machine_change_nothing() -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", CONVERT],
            env=os.environ | {"PYTHONHASHSEED": str(seed)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for seed in range(8)
    ]
    digests = {process.communicate(timeout=280)[0].strip() for process in running}
    assert [process.returncode for process in running] == [0] * len(running)
    assert len(digests) == 1
