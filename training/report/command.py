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
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.arguments import count
from edge.cli import DONE
from edge.errors import DatasetError, ModelError, UsageError
from edge.model import INPUT_NAME, OUTPUT_NAME, read_spec
from edge.runtime import create_session
from export.run_folder import RunFolder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge.spec import ModelSpec
    from training.data.dataset import Dataset

    Predict = Callable[["Dataset", "ModelSpec", argparse.Namespace], tuple["Dataset", "NDArray[np.float32]"]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot evaluate` takes."""
    parser.add_argument("model", metavar="WHAT", type=Path, help="a run folder, or an artifact (.onnx)")
    parser.add_argument("--dataset", metavar="NAME|PATH", help="what to evaluate on (default: the run's own figures)")
    parser.add_argument("--class-depth", type=count, default=0, metavar="N", help="folders above the class folders")
    parser.add_argument("--skip-bad", action="store_true", help="leave out images that cannot be read")
    parser.add_argument("--output", type=Path, metavar="DIR", help="the folder to write (default: MODEL-evaluation)")
    parser.add_argument("--json", action="store_true", help="one JSON object, that of report.json")


def run(arguments: argparse.Namespace) -> int:
    """Evaluate, write the folder, print what was found and return the exit status."""
    folder = RunFolder(arguments.model)
    if arguments.model.is_file():
        if not arguments.dataset:
            raise UsageError(f"{arguments.model} is an artifact, which brings no pictures; name some with --dataset")
        spec, predict = read_spec(arguments.model), _predict_artifact
    else:
        spec, predict = folder.read_spec(), _predict_run
    if arguments.dataset:
        output = arguments.output or arguments.model.with_name(f"{arguments.model.stem}-evaluation")
        record = _evaluate(arguments, spec, predict, output)
    else:
        output = folder.evaluation
        if arguments.output:
            raise UsageError(f"the figures of a run are in {output}; --output is for those of another --dataset")
        record = json.loads(folder.report.read_text(encoding="utf-8"))
    if arguments.json:
        print(json.dumps(record))
    else:
        print(f"{spec.name} on {record['dataset']}\n\n{describe(record)}\n\nfiles: {output}")
    return DONE


def _evaluate(arguments: argparse.Namespace, spec: "ModelSpec", predict: "Predict", output: Path) -> dict[str, Any]:
    from training.data.load import load_dataset, require_outside
    from training.report.evaluation import evaluate, write_evaluation

    require_outside(output, arguments.dataset)
    dataset = load_dataset(arguments.dataset, arguments.class_depth)
    if strangers := [label for label in dataset.labels if label not in spec.labels]:
        raise DatasetError(
            f"{dataset.name}: its class {strangers[0]!r} is none of the model's: {', '.join(spec.labels)[:200]}"
        )
    dataset, probabilities = predict(dataset, spec, arguments)
    import numpy as np

    targets = np.array([spec.labels.index(label) for label in dataset.labels], np.int64)[dataset.targets]
    evaluation = evaluate(dataset.names, targets, spec.labels, probabilities, spec.reject_threshold)
    write_evaluation(evaluation, dataset, spec.name, output)
    return evaluation.as_record(dataset.name, None)


def _predict_run(
    dataset: "Dataset", spec: "ModelSpec", arguments: argparse.Namespace
) -> tuple["Dataset", "NDArray[np.float32]"]:
    """Return the pictures that can be read, and what the network of a run makes of them."""
    import numpy as np

    from edge.files import cache_folder
    from export.sources.keras_file import load_keras
    from training.data.prepare import prepare
    from training.data.store import Store
    from training.epochs.batches import predict

    network = load_keras(RunFolder(arguments.model).model)
    with Store(cache_folder()) as store:
        pictures = prepare(dataset, spec.preprocessing, store, arguments.skip_bad)
        if spec.training and pictures.digest == spec.training.data_digest:
            print("warning: the run was trained on these images, so they flatter it", file=sys.stderr)
        if network.output_shape[1:] != (len(spec.labels),):
            raise ModelError(f"the network gives {network.output_shape[1:]} numbers for {len(spec.labels)} labels")
        batches = predict(network, pictures, np.arange(len(pictures)))
        return pictures.dataset, _require_finite(np.concatenate(list(batches)))


def _predict_artifact(
    dataset: "Dataset",
    spec: "ModelSpec",  # noqa: ARG001 # as _predict_run
    arguments: argparse.Namespace,
) -> tuple["Dataset", "NDArray[np.float32]"]:
    """Return the pictures that can be read, and what an artifact makes of them."""
    import numpy as np
    from tqdm import tqdm

    from edge.errors import ImageError
    from edge.image import decode_image
    from training.data.prepare import in_threads

    session = create_session(arguments.model, str(arguments.model), threads=1)

    def answer(row: int) -> "NDArray[np.float32] | str":
        try:
            pixels = decode_image(dataset.read(row)).pixels
        except ImageError as error:
            return error.code
        probabilities: NDArray[np.float32] = session.run([OUTPUT_NAME], {INPUT_NAME: pixels[None]})[0][0]
        return probabilities

    count = len(dataset.names)
    answers = list(tqdm(in_threads(answer, range(count), None), total=count, unit="image", disable=None))
    bad = [row for row, answer in enumerate(answers) if isinstance(answer, str)]
    if bad:
        named = f"{len(bad):,} unreadable images, such as {dataset.names[bad[0]]} ({answers[bad[0]]})"
        if not arguments.skip_bad:
            raise DatasetError(f"{dataset.name}: {named}; repair or remove them, or leave them out with --skip-bad")
        print(f"left out: {named}", file=sys.stderr)
    rows = np.array([row for row, answer in enumerate(answers) if not isinstance(answer, str)], np.int64)
    return dataset.select(rows), _require_finite(np.stack([answers[row] for row in rows]))


def _require_finite(probabilities: "NDArray[np.float32]") -> "NDArray[np.float32]":
    import numpy as np

    if not np.isfinite(probabilities).all():
        raise ModelError("the network gives numbers that are not finite; its weights are damaged, train it anew")
    return probabilities


def describe(record: dict[str, Any]) -> str:
    """Return the object of report.json as an aligned table, with what holds for all classes below it."""
    classes, interval = record["classes"], record["accuracy_interval"]
    width = max(len("class"), *(len(row["label"]) for row in classes))
    lines = [f"{'class':<{width}}  precision   recall       F1  support"]
    lines += [
        f"{row['label']:<{width}}  {row['precision']:>9.2%}  {row['recall']:>7.2%}  {row['f1']:>7.2%}  "
        f"{row['support']:>7,}"
        for row in classes
    ]
    kind = f" ({record['evaluated_on']})" if record["evaluated_on"] else ""
    lines += [
        "",
        f"accuracy           {record['accuracy']:.2%} of {record['images']:,} images{kind}; "
        f"95 % interval {interval['low']:.2%} to {interval['high']:.2%}",
        f"baseline           {record['baseline_accuracy']:.2%} by always guessing the commonest class",
        f"calibration error  {record['calibration_error']:.2%} (ECE, {len(record['bins'])} bins)",
        f"mistakes           {record['mistakes']:,}, of which {record['suspects']:,} are probably labelled wrong",
    ]
    if answers := record["answers"]:
        right = "" if answers["accuracy"] is None else f", {answers['accuracy']:.2%} of the answers are right"
        lines.append(f"unsure             below {answers['below']:.2%}; {answers['answered']:.2%} are answered{right}")
    return "\n".join([*lines, *(f"warning: {found['message']}" for found in record.get("warnings", []))])
