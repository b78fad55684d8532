"""Redo the comparison of Keras with a model file: the answer of `eyespot verify MODEL --against RUN`.

A certificate is a claim. Whoever has the run can check it, on pictures of his own, with the file that is in use and on
the machine where it is in use.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.answer import printable
from edge.artifact import SEAM_NAME
from edge.classifier import Classifier
from edge.cli import DONE, NOTHING_DONE, SOME_FAILED
from edge.decode import read_image
from edge.errors import ImageError, ModelError, UsageError
from edge.sources import expand_sources
from edge.spec import ModelSpec
from export.graph.session import of_pictures
from export.parity.compare import TOLERANCE, Comparison, compare, count_pictures, is_within, make_views, worst_first
from export.preprocess import build_preprocessing, network_shape
from export.run_folder import RunFolder
from export.sources.keras_file import load_keras
from export.sources.tensorflow import keras_source

WORST_SHOWN = 10


@dataclass(frozen=True)
class BadImage:
    """An image that could not be compared on, and why; `code` is that of the ImageError."""

    path: str
    code: str
    message: str


@dataclass(frozen=True)
class Verdict:
    """What a comparison found; `comparisons` are the worst first."""

    comparisons: list[Comparison]
    bad: tuple[BadImage, ...]
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether both sides said the same of every picture."""
        return all(is_within(comparison, self.tolerance) for comparison in self.comparisons)

    @property
    def largest_difference(self) -> float:
        """The largest difference of a probability; not a number, if any is not."""
        return float(np.max([comparison.difference for comparison in self.comparisons]))

    @property
    def same_labels(self) -> int:
        """On how many comparisons both sides had the same best label."""
        return sum(comparison.same_top1 for comparison in self.comparisons)

    @property
    def images(self) -> int:
        """How many pictures were compared on, each at several sizes."""
        return count_pictures(self.comparisons)

    @property
    def status(self) -> int:
        """The exit status."""
        return NOTHING_DONE if not self.passed else SOME_FAILED if self.bad else DONE


def run(arguments: argparse.Namespace) -> int:
    """Compare, print what was found and return the exit status."""
    classifier = Classifier.load(arguments.model)
    folder = RunFolder(Path(arguments.against))
    require_same_origin(classifier.spec, folder.read_spec(), arguments.model, arguments.against)
    if classifier.spec.variant and not arguments.tolerance:
        raise UsageError(
            f"{arguments.model}: {classifier.spec.variant.kind} does not equal the network of {arguments.against}; "
            "give --tolerance P, the largest difference of a probability to accept"
        )
    certified = classifier.spec.parity.tolerance if classifier.spec.parity else TOLERANCE
    verdict = verify_against(classifier, folder, arguments.images, arguments.tolerance or certified)
    shown = verdict.comparisons[: arguments.worst or WORST_SHOWN]
    for image in verdict.bad:
        print(f"eyespot: {printable(image.path)}: {image.code}: {image.message}", file=sys.stderr)
    if arguments.json:
        print(json.dumps(as_record(classifier.spec, verdict, shown)))
    else:
        print("\n".join(as_lines(classifier.spec, verdict, shown)))
    return verdict.status


def require_same_origin(model: ModelSpec, run: ModelSpec, model_name: str, run_name: str) -> None:
    """Raise ModelError, naming what differs, unless the model can have been exported from the run."""
    for field in ("labels", "preprocessing", "regions", "training"):
        if getattr(model, field) != getattr(run, field):
            raise ModelError(
                f"{run_name}: {model_name} was not made of this run, their {field} differ; name its own run"
            )


def verify_against(classifier: Classifier, run: RunFolder, images: str | None, tolerance: float) -> Verdict:
    """Return how far `classifier` is from the Keras network of `run`, on `images` or on the run's held-out ones.

    Raises UsageError if there is no image at all, ModelError for a damaged run or one that fails.
    """
    bad: list[BadImage] = []
    pictures = run.read_held_out() if images is None else _readable(images, bad)
    preprocessing = build_preprocessing(classifier.spec.preprocessing)
    source = keras_source(load_keras(run.model), str(run.model)).accept(network_shape(preprocessing))
    found = worst_first(
        compare(
            make_views(pictures),
            preprocessing=of_pictures(preprocessing, SEAM_NAME, "preprocessing"),
            reference=source.answer,
            onnx=classifier.probabilities,
            tolerance=tolerance,
        )
    )
    if not found:
        raise UsageError(f"{images or run.held_out}: there is no image to compare on ({len(bad)} cannot be read)")
    return Verdict(found, tuple(bad), tolerance)


def _readable(folder: str, bad: list[BadImage]) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield name and pixels of each image that `folder` leads to; what cannot be read is put into `bad`."""
    for source in expand_sources([folder]):
        try:
            if source.error:
                raise source.error
            yield source.path, read_image(source.path).pixels
        except ImageError as error:
            bad.append(BadImage(source.path, error.code, str(error)))


def as_record(spec: ModelSpec, verdict: Verdict, shown: list[Comparison]) -> dict[str, object]:
    """Return a verdict as the JSON object of `--json`."""
    worst = [
        {
            "image": c.name,
            "difference": _finite(c.difference),
            "same_best_label": c.same_top1,
            "keras": {
                "label": spec.labels[int(c.expected.argmax())],
                "probability": _finite(float(c.expected.max())),
            },
        }
        for c in shown
    ]
    return {
        "model": spec.name,
        "version": spec.version,
        "passed": verdict.passed,
        "images": verdict.images,
        "comparisons": len(verdict.comparisons),
        "largest_difference": _finite(verdict.largest_difference),
        "same_best_label": verdict.same_labels,
        "tolerance": verdict.tolerance,
        "worst": worst,
        "bad": [asdict(image) for image in verdict.bad],
    }


def _finite(value: float) -> float | None:
    """Return a number as JSON can hold it."""
    return value if math.isfinite(value) else None


def as_lines(spec: ModelSpec, verdict: Verdict, shown: list[Comparison]) -> Iterator[str]:
    """Yield a verdict as a line, and below it a table of the worst images."""
    unreadable = f", {len(verdict.bad):,} not readable" if verdict.bad else ""
    yield (
        f"{spec.name} {spec.version}: {'passed' if verdict.passed else 'FAILED'}, largest difference to Keras "
        f"{verdict.largest_difference:.1e} (limit {verdict.tolerance:.0e}), same best label on "
        f"{verdict.same_labels:,} of {len(verdict.comparisons):,} comparisons, {verdict.images:,} images{unreadable}"
    )
    yield ""
    yield "difference  best label  image"
    for c in shown:
        said = f"Keras: {spec.labels[int(c.expected.argmax())]} {c.expected.max():.2%}"
        label = "same" if c.same_top1 else "another"
        yield f"{c.difference:>10.1e}  {label:<10}  {printable(c.name)}   ({printable(said)})"
