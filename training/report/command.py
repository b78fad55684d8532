"""Say how good a classifier is: class by class, how sure one can be of that, and where it is wrong.

WHAT is a folder that 'eyespot train' wrote, whose own figures are shown (of out-of-fold or test pictures), or with
--dataset those of other pictures with the same labels; or an artifact (.onnx) with --dataset. DIR gets report.json,
confusion.png, reliability.png, the mistakes, surest first, as mistakes.json and mistakes.png, and suspects.csv:
pictures that are probably labelled wrong, which 'eyespot annotate --suspects' opens.
Exit status: 0 done; 2 nothing was evaluated.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.arguments import DONE
from edge.classifier import Classifier
from edge.errors import DatasetError, ImageError, ModelError, UsageError
from edge.image import decode_image
from edge.spec import ModelSpec
from export.run_folder import RunFolder
from training.report.report import Report

if TYPE_CHECKING:
    from training.data.dataset import Dataset


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot evaluate` takes."""
    parser.add_argument("model", metavar="WHAT", type=Path, help="a run folder, or an artifact (.onnx)")
    parser.add_argument("--dataset", metavar="NAME|PATH", help="what to evaluate on (default: the run's own figures)")
    parser.add_argument("--skip-bad", action="store_true", help="leave out images that cannot be read")
    parser.add_argument("--output", type=Path, metavar="DIR", help="the folder to write (default: MODEL-evaluation)")
    parser.add_argument("--json", action="store_true", help="one JSON object, that of report.json")


def run(arguments: argparse.Namespace) -> int:
    """Evaluate, write the folder, print what was found and return the exit status."""
    report, output = evaluate_model(
        arguments.model, arguments.dataset, skip_bad=arguments.skip_bad, output=arguments.output
    )
    if arguments.json:
        print(json.dumps(msgspec.to_builtins(report)))
    else:
        print(f"{arguments.model} on {report.dataset}\n\n{report.describe()}\n\nfiles: {output}")
    return DONE


def evaluate_model(
    model: Path, dataset: str | None, *, skip_bad: bool = False, output: Path | None = None
) -> tuple[Report, Path]:
    """Return the report of a run or an artifact, and the folder of its files.

    Without a `dataset` the report is the run's own; with one it is made anew and written to `output`.
    """
    if dataset:
        output = output or model.with_name(f"{model.stem}-evaluation")
        return _evaluate(model, dataset, skip_bad, output), output
    if model.is_file():
        raise UsageError(f"{model} is an artifact, which has no pictures; name some with --dataset")
    folder = RunFolder(model)
    folder.read_spec()  # there is one in a finished run
    if output:
        raise UsageError(f"the figures of a run are in {folder.evaluation}; --output is for those of a --dataset")
    return _read_report(folder.report), folder.evaluation


def _read_report(path: Path) -> Report:
    try:
        return msgspec.convert(json.loads(path.read_text(encoding="utf-8")), Report)
    except ValueError as error:
        raise ModelError(f"{path}: this is not the report of a run ({error}); evaluate it with --dataset") from None


def _evaluate(model: Path, name: str, skip_bad: bool, output: Path) -> Report:
    from training.data.load import load_dataset, require_outside
    from training.report.evaluation import evaluate, write_evaluation

    classifier = Classifier.load(model, threads=1, regions="none") if model.is_file() else None
    spec = classifier.spec if classifier else RunFolder(model).read_spec()
    require_outside(output, name)
    dataset = load_dataset(name)
    if unknown := [label for label in dataset.labels if label not in spec.labels]:
        known = ", ".join(spec.labels)
        raise DatasetError(f"{dataset.name}: its class {unknown[0]!r} is not one of the model's: {known:.200}")
    if classifier:
        dataset, probabilities = _predict_artifact(classifier, dataset, skip_bad)
    else:
        dataset, probabilities = _predict_run(model, dataset, spec, skip_bad)
    if not np.isfinite(probabilities).all():
        raise ModelError("the network gives numbers that are not finite; its weights are damaged, train it anew")
    targets = np.array([spec.labels.index(label) for label in dataset.labels], np.int64)[dataset.targets]
    found = evaluate(dataset.names, targets, spec.labels, probabilities, spec.reject_threshold, dataset.name)
    write_evaluation(found, dataset, spec.name, output)
    return found.report


def _predict_run(
    path: Path, dataset: "Dataset", spec: ModelSpec, skip_bad: bool
) -> tuple["Dataset", NDArray[np.float32]]:
    """Return the pictures that can be read, and the probabilities that the network of a run gives [N, classes]."""
    from export.sources.keras_file import load_keras
    from training.data.prepare import prepare
    from training.data.store import Store, cache_folder
    from training.epochs.batches import predict

    network = load_keras(RunFolder(path).model)
    if network.output_shape[1:] != (len(spec.labels),):
        raise ModelError(f"the network gives {network.output_shape[1:]} numbers for {len(spec.labels)} labels")
    with Store(cache_folder()) as store:
        pictures = prepare(dataset, spec.preprocessing, store, skip_bad)
        if spec.training and pictures.digest == spec.training.data_digest:
            print("warning: the run was trained on these images, so they flatter it", file=sys.stderr)
        return pictures.dataset, np.concatenate(list(predict(network, pictures, np.arange(len(pictures)))))


def _predict_artifact(
    classifier: Classifier, dataset: "Dataset", skip_bad: bool
) -> tuple["Dataset", NDArray[np.float32]]:
    """Return the pictures that can be read, and the probabilities that an artifact gives [N, classes]."""
    from training.data.prepare import for_each_image, leave_out_unreadable

    def answer(row: int) -> NDArray[np.float32] | str:
        try:
            found: NDArray[np.float32] = classifier.probabilities(decode_image(dataset.read(row)).pixels[None])[0]
            return found
        except ImageError as error:
            return error.code

    answers = list(for_each_image(answer, dataset, "classifying"))
    rows, probabilities = leave_out_unreadable(dataset, answers, skip_bad)
    return dataset.select(rows), np.stack(probabilities)
