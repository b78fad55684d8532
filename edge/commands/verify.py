"""Replay the samples inside a model file on this device, and compare with the answers of the source network.

With --against the comparison of the export is repeated: the Keras network of RUN (this needs the extra 'export') with
the file, on the images of DIR or on the evaluation images of the run. The worst are printed; images that cannot be read
are listed. Exit status: 0 within the tolerance, 1 within it but some images could not be read, 2 past it, or RUN is not
what the model was made of.
"""

import argparse
import json
from dataclasses import asdict

from edge.arguments import DONE, NOTHING_DONE, positive, share
from edge.classifier import Classifier, replay_self_test
from edge.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot verify` takes."""
    parser.add_argument("model", metavar="MODEL", help="an .onnx file written by 'eyespot export'")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    # With --against, eyespot.cli calls the module of the export room instead.
    heavy = parser.add_argument_group("the whole comparison")
    heavy.add_argument("--against", metavar="RUN", help="the run folder that the model was exported from")
    heavy.add_argument("--images", metavar="DIR", help="what to compare on (default: those the run was not trained on)")
    heavy.add_argument("--tolerance", type=share, metavar="P", help="(default: that of the model's certificate)")
    heavy.add_argument("--worst", type=positive, metavar="N", help="how many images to print (default 10)")


def run(arguments: argparse.Namespace) -> int:
    """Replay, print the result and return the exit status."""
    for option in ("images", "tolerance", "worst"):
        if getattr(arguments, option) is not None:
            raise UsageError(f"--{option} belongs to the comparison with Keras; give --against RUN as well")
    classifier = Classifier.load(arguments.model, regions="none")  # the samples are crops already
    result = replay_self_test(classifier.spec, classifier.probabilities)
    if arguments.json:
        print(json.dumps(asdict(result) | {"passed": result.passed}))
    else:
        print(
            f"{classifier.spec.name} {classifier.spec.version}: {'passed' if result.passed else 'FAILED'}, "
            f"largest difference {result.largest_difference:.1e} on {result.samples} samples "
            f"(worst: {result.worst_sample}, limit {result.tolerance:.0e})"
        )
    return DONE if result.passed else NOTHING_DONE
