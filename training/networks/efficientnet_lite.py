"""EfficientNet-Lite 0, 1 and 2: EfficientNet without squeeze-and-excitation, with ReLU6 for swish.

After M. Tan, Q. Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, 2019, table 1; the Lite
variants keep the filters of stem and head, and the depth of the first and last stage, whatever the scale.
"""

import math

import keras
from keras import layers

from training.networks.architecture import Architecture

# Repeats, kernel size, stride of the first block, expansion, filters.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM_FILTERS, HEAD_FILTERS = 32, 1280
# Width, depth, dropout before the classifier; input sides of 224, 240 and 260 pixels.
SCALES = {
    "efficientnet-lite0": (1.0, 1.0, 0.2),
    "efficientnet-lite1": (1.0, 1.1, 0.2),
    "efficientnet-lite2": (1.1, 1.2, 0.3),
}


def build_efficientnet_lite(name: str, architecture: Architecture) -> keras.Model:
    """Return an untrained EfficientNet-Lite, of which `name` is a key of SCALES.

    Its layers are `stem_*`, `block1_*` to `block16_*` (lite0; more in the others), `head_*`, `features`, which gives
    float32 [N, 1280], `dropout` and `predictions`.
    """
    width, depth, dropout = SCALES[name]
    image = architecture.input()
    x = _convolve(architecture, image, STEM_FILTERS, 3, "stem", strides=2)
    number = 0
    for stage, (repeats, kernel, stride, expansion, filters) in enumerate(STAGES):
        scaled = repeats if stage in (0, len(STAGES) - 1) else math.ceil(repeats * depth)
        for i in range(scaled):
            number += 1
            block = f"block{number}"
            x = _block(
                architecture, x, block, kernel, stride if i == 0 else 1, expansion, round_filters(filters * width)
            )
    x = _convolve(architecture, x, HEAD_FILTERS, 1, "head")
    x = layers.GlobalAveragePooling2D(data_format=architecture.data_format, name="features")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Dense(architecture.classes, activation="softmax", name="predictions")(x)
    return keras.Model(image, x, name=name)


def round_filters(filters: float) -> int:
    """Return the nearest multiple of 8 that is at least 8 and at most a tenth below `filters`."""
    rounded = max(8, int(filters + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * filters else rounded


def _block(
    architecture: Architecture, x: keras.KerasTensor, name: str, kernel: int, strides: int, expansion: int, filters: int
) -> keras.KerasTensor:
    """Add an inverted residual: expand (unless that changes nothing), convolve each channel, project, add."""
    inputs, channels = x, x.shape[architecture.channel_axis]
    if expansion > 1:
        x = _convolve(architecture, x, channels * expansion, 1, f"{name}_expand")
    x = layers.DepthwiseConv2D(
        kernel,
        strides,
        "same",
        use_bias=False,
        data_format=architecture.data_format,
        depthwise_initializer="he_normal",
        name=f"{name}_depthwise",
    )(x)
    x = layers.ReLU(6, name=f"{name}_depthwise_relu")(_normalise(architecture, x, f"{name}_depthwise_bn"))
    x = _convolve(architecture, x, filters, 1, f"{name}_project", activate=False)
    return layers.Add(name=f"{name}_add")([inputs, x]) if strides == 1 and channels == filters else x


def _convolve(
    architecture: Architecture,
    x: keras.KerasTensor,
    filters: int,
    size: int,
    name: str,
    strides: int = 1,
    activate: bool = True,
) -> keras.KerasTensor:
    x = architecture.convolution(filters, size, strides=strides, use_bias=False, name=f"{name}_conv")(x)
    x = _normalise(architecture, x, f"{name}_bn")
    return layers.ReLU(6, name=f"{name}_relu")(x) if activate else x


def _normalise(architecture: Architecture, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.BatchNormalization(axis=architecture.channel_axis, epsilon=1e-3, name=name)(x)
