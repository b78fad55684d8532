"""Redo the comparison of Keras with a model file: the answer of `eyespot verify MODEL --against RUN`.

With the run anyone can check a certificate, on other pictures, with the file that is in use and on the machine where it
is in use.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.arguments import DONE, NOTHING_DONE, SOME_FAILED
from edge.classifier import Classifier
from edge.errors import ImageError, ModelError, UsageError
from edge.image import read_image
from edge.model import NETWORK_INPUT_NAME
from edge.result import printable
from edge.sources import expand_sources
from edge.spec import ModelSpec
from export.graph.session import of_pictures
from export.parity.compare import TOLERANCE, Comparison, compare, count_pictures, is_within, make_views, worst_first
from export.preprocess import build_preprocessing, network_shape
from export.run_folder import RunFolder
from export.sources.keras_file import load_keras
from export.sources.tensorflow import keras_source

WORST_SHOWN = 10


def run(arguments: argparse.Namespace) -> int:
    """Compare, print what was found and return the exit status."""
    classifier = Classifier.load(arguments.model)
    spec, folder = classifier.spec, RunFolder(Path(arguments.against))
    bad: list[dict[str, str]] = []  # path, code and message of each picture that cannot be read
    found_run = folder.read_spec()
    for field in ("labels", "preprocessing", "regions", "training"):
        if getattr(spec, field) != getattr(found_run, field):
            raise ModelError(
                f"{folder.path}: {arguments.model} was not made of this run, their {field} differ; name its own run"
            )
    if spec.variant and not arguments.tolerance:
        raise UsageError(
            f"{arguments.model}: {spec.variant.kind} does not equal the network of {folder.path}; "
            "give --tolerance P, the largest difference of a probability to accept"
        )
    tolerance = arguments.tolerance or (spec.parity.tolerance if spec.parity else TOLERANCE)
    held_out = ((example.name, example.pixels) for example in folder.read_evaluation())
    pictures = held_out if arguments.images is None else _readable(arguments.images, bad)
    preprocessing = build_preprocessing(spec.preprocessing)
    source = keras_source(load_keras(folder.model), str(folder.model)).accept(network_shape(preprocessing))
    prepare = of_pictures(preprocessing, NETWORK_INPUT_NAME, "preprocessing")
    comparisons = compare(make_views(pictures), prepare, source.answer, classifier.probabilities, tolerance)
    found = worst_first(replace(c, view=None, array=None) for c in comparisons)
    if not found:
        where = arguments.images or folder.evaluation_images
        raise UsageError(f"{where}: there is no image to compare on ({len(bad)} cannot be read)")
    for image in bad:
        print(f"eyespot: {printable(image['path'])}: {image['code']}: {image['message']}", file=sys.stderr)
    passed = all(is_within(comparison, tolerance) for comparison in found)
    _report(spec, found, tolerance, passed, bad, arguments)
    return NOTHING_DONE if not passed else SOME_FAILED if bad else DONE


def _readable(folder: str, bad: list[dict[str, str]]) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield name and pixels of each image that `folder` leads to; append what cannot be read to `bad`."""
    for source in expand_sources([folder]):
        try:
            if source.error:
                raise source.error
            yield source.path, read_image(source.path).pixels
        except ImageError as error:
            bad.append({"path": source.path, "code": error.code, "message": str(error)})


def _report(
    spec: ModelSpec,
    found: list[Comparison],
    tolerance: float,
    passed: bool,
    bad: list[dict[str, str]],
    arguments: argparse.Namespace,
) -> None:
    """Print one JSON object, or a line and below it a table of the worst images."""
    largest, same = float(np.max([c.difference for c in found])), sum(c.same_top1 for c in found)
    worst = found[: arguments.worst or WORST_SHOWN]
    if arguments.json:
        record = {
            "model": spec.name,
            "version": spec.version,
            "passed": passed,
            "images": count_pictures(found),
            "comparisons": len(found),
            "largest_difference": _finite(largest),
            "same_best_label": same,
            "tolerance": tolerance,
            "worst": [_fields(spec, comparison) for comparison in worst],
            "bad": bad,
        }
        print(json.dumps(record))
    else:
        print(
            f"{spec.name} {spec.version}: {'passed' if passed else 'FAILED'}, largest difference to Keras "
            f"{largest:.1e} (limit {tolerance:.0e}), same best label on {same:,} of {len(found):,} comparisons, "
            f"{count_pictures(found):,} images" + (f", {len(bad):,} not readable" if bad else "")
        )
        print("\ndifference  best label  image")
        for c in worst:
            keras = printable(f"Keras: {spec.labels[int(c.expected.argmax())]} {c.expected.max():.2%}")
            label = "same" if c.same_top1 else "another"
            print(f"{c.difference:>10.1e}  {label:<10}  {printable(c.name)}   ({keras})")


def _fields(spec: ModelSpec, c: Comparison) -> dict[str, object]:
    best = {"label": spec.labels[int(c.expected.argmax())], "probability": _finite(float(c.expected.max()))}
    return {"image": c.name, "difference": _finite(c.difference), "same_best_label": c.same_top1, "keras": best}


def _finite(value: float) -> float | None:
    """Return a number as JSON can hold it."""
    return value if math.isfinite(value) else None
