"""The networks by name, each with the preprocessing that it was trained with, and how they get their weights."""

import contextlib
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import keras

from edge.cli import unknown_name
from edge.errors import ModelError, ModelNotFoundError, UsageError, reason_of
from edge.steps import Method, Step
from export.preprocess.presets import preset_steps
from training.networks.catalogue import NETWORKS, build_network
from training.networks.pretrained import PRETRAINED
from training.pretrained.squeezenet_weights import fetch_squeezenet_weights, load_squeezenet_weights


@dataclass(frozen=True)
class Preprocessing:
    """The preset that a network was trained with, and how its pictures came to their size."""

    preset: str
    method: Method = "antialias"


PREPROCESSING = {
    "vgg16": Preprocessing("caffe"),
    "vgg19": Preprocessing("caffe"),
    "resnet50": Preprocessing("caffe"),
    "inceptionv3": Preprocessing("tf"),
    "xception": Preprocessing("tf"),
    "mobilenetv2": Preprocessing("tf"),
    "efficientnetv2-b0": Preprocessing("raw"),  # it rescales inside
    "squeezenet": Preprocessing("caffe", "area"),
}


def pretrained_steps(name: str) -> tuple[Step, ...]:
    """Return the preprocessing of a network. Raises UsageError for an unknown name."""
    if name not in PREPROCESSING:
        raise UsageError(unknown_name("network", name, list(PREPROCESSING)))
    own, (height, width, channels) = PREPROCESSING[name], NETWORKS[name].input
    return preset_steps(own.preset, height, width, channels, channels_first=False, method=own.method)


def load_pretrained(name: str, weights: Path | None) -> keras.Model:
    """Return a network with the weights in a file, or with those of ImageNet, which are fetched once and kept.

    Raises UsageError for an unknown name, ModelNotFoundError if weights cannot be had, ModelError if they do not fit.
    """
    if name not in PREPROCESSING:
        raise UsageError(unknown_name("network", name, list(PREPROCESSING)))
    if weights is not None and not weights.is_file():
        raise ModelNotFoundError(f"{weights}: there is no such file of weights")
    if name == "squeezenet":
        network = build_network(name)
        load_squeezenet_weights(network, weights or fetch_squeezenet_weights())
        return network
    return _download(name) if weights is None else _with_weights(name, weights)


def _with_weights(name: str, weights: Path) -> keras.Model:
    network = build_network(name)
    try:
        with warnings.catch_warnings():
            # Keras only warns where it leaves random weights as they are.
            warnings.filterwarnings("error", message="Skipping")
            network.load_weights(weights)
    except (ValueError, OSError, KeyError, TypeError, AttributeError, UserWarning) as error:
        reason = reason_of(error)
        raise ModelError(f"{weights}: these are no weights of {name} for ImageNet ({reason:.200})") from None
    return network


def _download(name: str) -> keras.Model:
    try:
        with contextlib.redirect_stdout(sys.stderr):  # where Keras draws its bar
            return PRETRAINED[name](weights="imagenet")
    except Exception as error:  # noqa: BLE001 # Keras raises no narrower class where a download fails
        reason = reason_of(error).rpartition("-- ")[2]
        raise ModelNotFoundError(
            f"the weights of {name} cannot be downloaded ({reason:.200}); give them with --weights FILE, or try again "
            "where there is a network"
        ) from None
