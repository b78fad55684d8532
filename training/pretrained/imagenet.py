"""The thousand classes of ImageNet (ILSVRC 2012), in the order of all its networks.

The names are those that torchvision publishes with its weights (torchvision/models/_meta.py): the first word of each
WordNet synset. The two words that ImageNet has twice are told apart there by a second: `crane bird` (n02012849) is no
`crane` (n03126707), and `maillot tank suit` (n03710721) no `maillot` (n03710637).
"""

from importlib.resources import files


def imagenet_labels() -> tuple[str, ...]:
    """Return the 1,000 labels, all different."""
    return tuple(files("training.pretrained").joinpath("imagenet_labels.txt").read_text(encoding="utf-8").splitlines())
