"""Replay the samples inside a model file on this device and compare with what the original network said.

Exit status: 0 within the tolerance, 2 past it.
"""

import argparse
import json
from dataclasses import asdict

from edge.classifier import Classifier
from edge.cli import DONE, NOTHING_DONE
from edge.self_test import replay_self_test


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot verify` takes."""
    parser.add_argument("model", metavar="MODEL", help="an .onnx file written by 'eyespot export'")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Replay, print what was found and return the exit status."""
    classifier = Classifier.load(arguments.model)
    result = replay_self_test(classifier)
    if arguments.json:
        print(json.dumps(asdict(result) | {"passed": result.passed}))
    else:
        print(
            f"{classifier.spec.name} {classifier.spec.version}: {'passed' if result.passed else 'FAILED'}, "
            f"largest difference {result.largest_difference:.1e} on {result.samples} samples "
            f"(worst: {result.worst_sample}, limit {result.tolerance:.0e})"
        )
    return DONE if result.passed else NOTHING_DONE
