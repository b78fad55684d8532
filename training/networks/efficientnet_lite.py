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
# Width, depth, dropout before the classifier.
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

    def normalise(x: keras.KerasTensor, name: str, active: bool = True) -> keras.KerasTensor:
        x = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(x)
        return layers.ReLU(6, name=f"{name}_relu")(x) if active else x

    def convolve(x: keras.KerasTensor, filters: int, size: int, name: str, strides: int = 1) -> keras.KerasTensor:
        return architecture.convolution(filters, size, strides=strides, use_bias=False, name=f"{name}_conv")(x)

    def invert_residual(
        x: keras.KerasTensor, name: str, kernel: int, strides: int, expansion: int, filters: int
    ) -> keras.KerasTensor:
        """Expand (unless that changes nothing), convolve each channel, project, and add the input."""
        inputs, channels = x, x.shape[-1]
        if expansion > 1:
            x = normalise(convolve(x, channels * expansion, 1, f"{name}_expand"), f"{name}_expand")
        x = layers.DepthwiseConv2D(kernel, strides, "same", use_bias=False, name=f"{name}_depthwise")(x)
        x = convolve(normalise(x, f"{name}_depthwise"), filters, 1, f"{name}_project")
        x = normalise(x, f"{name}_project", active=False)
        return layers.Add(name=f"{name}_add")([inputs, x]) if strides == 1 and channels == filters else x

    width, depth, dropout = SCALES[name]
    image = architecture.input()
    x = normalise(convolve(image, STEM_FILTERS, 3, "stem", strides=2), "stem")
    number = 0
    for stage, (repeats, kernel, stride, expansion, filters) in enumerate(STAGES):
        scaled = repeats if stage in (0, len(STAGES) - 1) else math.ceil(repeats * depth)
        widened = 8 * round(filters * width / 8)
        for strides in (stride, *[1] * (scaled - 1)):
            number += 1
            x = invert_residual(x, f"block{number}", kernel, strides, expansion, widened)
    x = normalise(convolve(x, HEAD_FILTERS, 1, "head"), "head")
    x = layers.GlobalAveragePooling2D(name="features")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(image, layers.Dense(architecture.classes, "softmax", name="predictions")(x), name=name)
