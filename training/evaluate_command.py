"""Say how good a trained run is: class by class, how sure one can be of that, and where it is wrong.

RUN is a folder that 'eyespot train' wrote; its own held-out images are used, or with --dataset all images
of a data set with the same labels (a name or a path, as for 'eyespot train'). DIR gets report.json,
confusion.png, reliability.png, and the mistakes, surest first, as mistakes.json and mistakes.png.
Exit status: 0 done; 2 nothing was evaluated.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge.arguments import count
from edge.cli import DONE
from export.run_folder import RunFolder

if TYPE_CHECKING:
    from edge.spec import ModelSpec
    from training.dataset import Dataset
    from training.evaluation import Evaluation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot evaluate` takes."""
    parser.add_argument("run", metavar="RUN", help="a folder written by 'eyespot train'")
    parser.add_argument("--dataset", metavar="NAME|PATH", help="what to evaluate on (default: the held-out images)")
    parser.add_argument("--class-depth", type=count, default=0, metavar="N", help="folders above the class folders")
    parser.add_argument("--skip-bad", action="store_true", help="leave out images that cannot be read")
    parser.add_argument("--output", type=Path, metavar="DIR", help="the folder to write (default: RUN/evaluation)")
    parser.add_argument("--json", action="store_true", help="one JSON object, that of report.json")


def run(arguments: argparse.Namespace) -> int:
    """Evaluate, write the folder, print what was found and return the exit status."""
    folder = RunFolder(Path(arguments.run))
    spec = folder.read_spec()
    from export.sources.keras_file import load_keras

    network = load_keras(folder.model)
    from training.evaluation import evaluate
    from training.predict import predict
    from training.prepare_dataset import prepare_dataset
    from training.write_evaluation import as_record, write_evaluation

    output = arguments.output or folder.path / "evaluation"
    dataset = _load(arguments, folder, spec, output)
    dataset, prepared = prepare_dataset(dataset, spec.preprocessing, arguments.skip_bad)
    if arguments.dataset and spec.training and prepared.digest == spec.training.data_digest:
        print("warning: the run was trained on most of these images, so they flatter it", file=sys.stderr)
    probabilities = predict(network, prepared.arrays, spec.labels)
    evaluation = evaluate(dataset, spec.labels, probabilities, spec.abstain_below)
    write_evaluation(evaluation, dataset, spec.name, output)
    if arguments.json:
        print(json.dumps(as_record(evaluation, dataset)))
    else:
        print(f"{spec.name} on {dataset.name}\n\n{describe(evaluation)}\n\nwritten: {output}")
    return DONE


def _load(arguments: argparse.Namespace, folder: RunFolder, spec: "ModelSpec", output: Path) -> "Dataset":
    from training.datasets import load_dataset, require_outside
    from training.held_out import load_held_out, require_same_labels

    if arguments.dataset:
        require_outside(output, arguments.dataset)
        dataset = load_dataset(arguments.dataset, arguments.class_depth)
        require_same_labels(dataset, spec.labels)
        return dataset
    held_out = load_held_out(folder, spec.labels)
    count = f"{len(held_out.names):,}"
    of_all = f" of {spec.training.held_out_images:,}" if spec.training else ""
    print(f"{count}{of_all} held-out images are in the run folder", file=sys.stderr)
    if chosen := _chosen_by_held_out(folder, spec):
        print(
            f"these images also chose {chosen}, which flatters the figures; --dataset judges by others", file=sys.stderr
        )
    return held_out


def _chosen_by_held_out(folder: RunFolder, spec: "ModelSpec") -> str:
    """Return what of a run its held-out images have decided, as part of a sentence; "" if nothing."""
    chosen = {
        "the temperature": spec.training is not None and spec.training.temperature != 1.0,
        "the threshold": spec.abstain_below is not None,
        "the checkpoint": folder.checkpoints.is_dir(),
    }
    return " and ".join(", ".join(name for name, is_chosen in chosen.items() if is_chosen).rsplit(", ", 1))


def describe(evaluation: "Evaluation") -> str:
    """Return an evaluation as an aligned table, with what holds for all classes below it."""
    report, interval, mistakes = evaluation.report, evaluation.accuracy_interval, evaluation.mistakes
    width = max(len("class"), *(len(row.label) for row in report.classes))
    lines = [f"{'class':<{width}}  precision   recall       F1  support"]
    lines += [
        f"{row.label:<{width}}  {row.precision:>9.2%}  {row.recall:>7.2%}  {row.f1:>7.2%}  {row.support:>7,}"
        for row in report.classes
    ]
    lines += [
        "",
        f"accuracy           {report.accuracy:.2%} of {report.images:,} images; "
        f"95 % interval {interval.low:.2%} to {interval.high:.2%}",
        f"calibration error  {evaluation.calibration_error:.2%} (ECE, {len(evaluation.bins)} bins)",
    ]
    if answers := evaluation.answers:
        right = "" if answers.accuracy is None else f", {answers.accuracy:.2%} of the answers are right"
        lines.append(f"unsure             below {answers.below:.2%}; {answers.answered:.2%} are answered{right}")
    if not mistakes:
        return "\n".join([*lines, "mistakes           none, so there is no picture of them"])
    worst = mistakes[0]
    lines.append(
        f"mistakes           {len(mistakes):,}; the surest: {worst.name}, "
        f"{worst.true} -> {worst.predicted} ({worst.confidence:.2%})"
    )
    return "\n".join(lines)
