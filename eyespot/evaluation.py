"""`evaluate`: how good a classifier is, of a run or of an .onnx file."""

import os
from pathlib import Path

from training.report.command import evaluate_model
from training.report.report import Report


def evaluate(
    model: str | os.PathLike[str],
    dataset: str | os.PathLike[str] | None = None,
    *,
    output: str | os.PathLike[str] | None = None,
    skip_bad: bool = False,
) -> Report:
    """Return how good a classifier is; this is what `eyespot evaluate` does.

    Args:
        model: What `eyespot.train` returned, a run folder, or an .onnx file.
        dataset: Pictures with the labels of the model: a folder with one folder a class, an .npz file, or the name of a
            known data set. Without it the report is the run's own, of pictures that it was not fitted on.
        output: The folder for report.json, confusion.png, reliability.png and the mistakes (default: beside the model).
        skip_bad: Leave out images that cannot be read, and name them on standard error.

    Returns the report: `accuracy` and `baseline_accuracy` (0 to 1), `accuracy_interval`, `calibration_error`, `classes`
    with precision, recall and F1, the `confusion` matrix, and `describe()`, all of it as a table.

    Raises ModelError, DatasetError, or UsageError for an .onnx file without a data set.

    Example:
        >>> import eyespot
        >>> run = eyespot.train("photos", output="runs/evaluated")
        >>> eyespot.evaluate(run).images
        16
        >>> report = eyespot.evaluate(run, "photos", output="evaluation")
        >>> report.accuracy, report.baseline_accuracy
        (1.0, 0.5)
    """
    given = None if dataset is None else os.fspath(dataset)
    return evaluate_model(Path(model), given, skip_bad=skip_bad, output=Path(output) if output else None)[0]
