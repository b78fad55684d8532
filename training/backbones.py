"""Backbones: ImageNet networks without their last layer, which turn a picture into a vector of features.

Each comes with the preprocessing that it was trained with, in two parts: geometry, and values.
"""

import hashlib
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from keras import layers

from edge.errors import ModelError, ModelNotFoundError, UsageError, reason_of, unknown_name
from edge.steps import CentreCrop, ResizeSide, Standardise, Step
from export.preprocess.presets import PRESETS
from export.sources.keras_file import load_keras
from training.networks.catalogue import NETWORKS
from training.pretrained.weights import load_imagenet_weights, load_squeezenet_weights

SMALLEST_PX, LARGEST_PX = 32, 1024
# ImageNet's classifiers are tested on the middle 224 pixels of a picture whose shorter side has 256.
SHORTER_SIDE = 256 / 224
# How the layer names of a block begin: block3_, conv5_block2_, block6h_, block_16_, fire9_.
BLOCK = re.compile(r"(?:.*_)?(?:block_?\d+[a-z]?|fire\d+)(?=_)")
AFTER_HEAD = (layers.Activation, layers.Softmax, layers.Dropout, layers.GlobalAveragePooling2D)


@dataclass(frozen=True)
class Backbone:
    """A network of ImageNet's 1,000 classes.

    `image_size` is the side in pixels that it was trained with, `values` the steps from uint8 pixels to the float32
    that it takes.
    """

    name: str
    image_size: int
    values: tuple[Step, ...]

    def geometry(self, image_size: int) -> tuple[Step, ...]:
        """Return the steps from any picture to uint8 [image_size, image_size, 3]; UsageError but for 32 to 1,024."""
        if not SMALLEST_PX <= image_size <= LARGEST_PX:
            limits = f"{SMALLEST_PX} to {LARGEST_PX} pixels; {self.name} was trained with {self.image_size}"
            raise UsageError(f"the image size must be {limits}. Received: {image_size}")
        return ResizeSide("shorter", round(image_size * SHORTER_SIDE), "antialias"), CentreCrop(image_size, image_size)

    def build(self, image_size: int, weights: Path | None = None) -> keras.Model:
        """Return the network without its head: float32 [N, image_size, image_size, 3] to features, float32 [N, d].

        `weights` is None for those of ImageNet, a `.weights.h5` or `.h5` file of this very network, with a head or
        without, or a `.keras` file of another network, for pictures of `image_size` and the values of this one.

        Raises UsageError for a network of another input, ModelError for a file that cannot be read or does not fit,
        ModelNotFoundError for one that is missing, and as `load_imagenet_weights`.
        """
        self.geometry(image_size)
        shape = (image_size, image_size, 3)
        if weights is None:
            return cut_head(self.classifier(image_size))
        if weights.suffix == ".keras":
            own = load_keras(weights)
            if own.input_shape[1:] not in (shape, (None, None, 3)):
                raise UsageError(
                    f"{weights}: a backbone must take {shape}, see --image-size. Received: {own.input_shape[1:]}"
                )
            return cut_head(own)
        classifier = NETWORKS[self.name].build(shape)
        features = cut_head(classifier)
        try:
            self._load(classifier, weights)
        except ModelError:
            self._load(features, weights)  # every weight is written again
        return features

    def classifier(self, image_size: int | None = None, weights: Path | None = None) -> keras.Model:
        """Return the network with its head: float32 [N, s, s, 3] to the probabilities of 1,000 classes [N, 1000].

        `weights` is a file of all its weights, as Keras writes them, None for those of ImageNet. Raises as `build`.
        """
        side = image_size or self.image_size
        network = NETWORKS[self.name].build((side, side, 3))
        if weights is None:
            load_imagenet_weights(network, self.name)
        else:
            self._load(network, weights)
        return network

    def _load(self, network: keras.Model, weights: Path) -> None:
        if not weights.is_file():
            raise ModelNotFoundError(f"{weights}: there is no such file of weights")
        try:
            with warnings.catch_warnings():
                # Keras only warns where it leaves random weights as they are.
                warnings.filterwarnings("error", message="Skipping")
                network.load_weights(weights)
        except (ValueError, OSError, KeyError, TypeError, AttributeError, UserWarning) as error:
            if self.name != "squeezenet":
                raise ModelError(f"{weights}: these are not weights of {self.name} ({reason_of(error):.200})") from None
            load_squeezenet_weights(network, weights)


LITE = (Standardise((127.0,) * 3, (128.0,) * 3),)
BACKBONES = {
    name: Backbone(name, NETWORKS[name].input[0], values)
    for name, values in {
        "efficientnet-lite0": LITE,
        "efficientnet-lite1": LITE,
        "efficientnet-lite2": LITE,
        "squeezenet": PRESETS["caffe"],
        "mobilenetv2": PRESETS["tf"],
        "efficientnetv2-b0": PRESETS["raw"],  # it rescales inside
        "resnet50": PRESETS["caffe"],
        "vgg16": PRESETS["caffe"],
        "vgg19": PRESETS["caffe"],
        "inceptionv3": PRESETS["tf"],
        "xception": PRESETS["tf"],
    }.items()
}


def find_backbone(name: str) -> Backbone:
    """Return the backbone of this name. Raises UsageError for an unknown one, with the nearest that is known."""
    if name not in BACKBONES:
        raise UsageError(unknown_name("backbone", name, BACKBONES))
    return BACKBONES[name]


def cut_head(network: keras.Model) -> keras.Model:
    """Return a classifier without the Dense layer (SqueezeNet's `conv10`) at its end and the dropout in front of it.

    A network without one is left whole; a map of features is averaged over its pixels. Raises UsageError if the output
    is not one vector for each picture, and for a head inside a layer that is itself a network.
    """
    parts, head = network.layers, _find_head(network)
    if head is None:
        features = network.outputs[0]
    elif isinstance(network, keras.Sequential):  # one that was read from a file has called its layers twice
        network = keras.Sequential([keras.Input(network.input_shape[1:]), *parts[:head]])
        features = network.outputs[0]
    else:
        features = parts[head].input
    if len(features.shape) == 4:
        features = layers.GlobalAveragePooling2D(name="features")(features)
    if len(features.shape) != 2 or features.shape[-1] is None:
        raise UsageError(f"a backbone must give one vector for each picture. Received: {tuple(features.shape)}")
    return keras.Model(network.inputs[0], features, name=network.name)


def _find_head(network: keras.Model) -> int | None:
    """Return the index of the layer at which the head of a network, or the dropout in front of it, begins."""
    parts = network.layers
    last = max((i for i, layer in enumerate(parts) if not isinstance(layer, AFTER_HEAD)), default=0)
    if isinstance(parts[last], keras.Model) and _find_head(parts[last]) is not None:
        raise UsageError(f"the last Dense layer must not be inside another network. Received: {parts[last].name}")
    if not isinstance(parts[last], layers.Dense) and parts[last].name != "conv10":
        return None
    while isinstance(parts[last - 1], layers.Dropout):
        last -= 1
    return last


def open_blocks(network: keras.Model, count: int) -> tuple[str, ...]:
    """Make the last `count` blocks of a network trainable, 0 or more, and no other layer; return the names of those.

    The layers of a block have names that begin alike (`block16_`, `fire9_`); layers behind it belong to it, up to the
    next block. In a network without such names each layer is a block. BatchNormalization stays in inference mode.
    """
    own = [layer for layer in _leaves(network) if layer.weights and not isinstance(layer, layers.BatchNormalization)]
    found = [BLOCK.match(layer.name) for layer in own]
    blocks: list[str] = []  # of each layer
    for layer, match in zip(own, found, strict=True):
        blocks.append(match.group() if match else blocks[-1] if any(found) and blocks else layer.name)
    chosen = list(dict.fromkeys(blocks))[-count:] if count else []
    opened = [layer for layer, block in zip(own, blocks, strict=True) if block in chosen]
    network.trainable = True
    for layer in _leaves(network):
        layer.trainable = layer in opened
    return tuple(layer.name for layer in opened if layer.trainable_weights)


def _leaves(network: keras.Model) -> Iterator[keras.Layer]:
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from _leaves(layer)
        else:
            yield layer


def weights_digest(network: keras.Model) -> str:
    """Return the SHA-256 of all weights of a network, with the kinds of its layers, as hexadecimal digits."""
    digest = hashlib.sha256()
    for layer in _leaves(network):
        digest.update(f"{type(layer).__name__} {[tuple(weight.shape) for weight in layer.weights]}".encode())
        for weight in layer.get_weights():
            digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()
