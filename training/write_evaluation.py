"""Write an evaluation into a folder: figures as JSON for programs, pictures for people."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge.files import replacing
from edge.image import decode_image
from training.dataset import Dataset
from training.evaluation import Evaluation
from training.evaluation_plots import draw_mistakes, draw_reliability
from training.plots import draw_confusion, save_figure

# Four rows of five; whoever wants to see more finds the rest in mistakes.json.
PICTURED_MISTAKES = 20


def as_record(evaluation: Evaluation, dataset: Dataset) -> dict[str, Any]:
    """Return an evaluation as the JSON object of report.json; all shares are from 0 to 1.

    It has no `answers` where the model is never unsure.
    """
    return {
        "dataset": dataset.name,
        **asdict(evaluation.report),
        "accuracy_interval": asdict(evaluation.accuracy_interval),
        "calibration_error": evaluation.calibration_error,
        "bins": [asdict(b) for b in evaluation.bins],
        "mistakes": len(evaluation.mistakes),
        **({"answers": asdict(evaluation.answers)} if evaluation.answers else {}),
    }


def write_evaluation(evaluation: Evaluation, dataset: Dataset, model: str, folder: Path) -> None:
    """Write all files of an evaluation of `model` on `dataset`; those of an earlier one are replaced.

    There is no picture of mistakes where there are none.
    """
    report = evaluation.report
    title = f"{model}: {report.accuracy:.2%} of {report.images:,} images"
    save_figure(draw_confusion(report, title), folder / "confusion.png")
    calibrated = f"{model}: calibration error {evaluation.calibration_error:.2%}"
    save_figure(draw_reliability(evaluation, calibrated), folder / "reliability.png")
    _write_mistakes(evaluation, dataset, model, folder)
    _write_json(as_record(evaluation, dataset), folder / "report.json")


def _write_mistakes(evaluation: Evaluation, dataset: Dataset, model: str, folder: Path) -> None:
    rows = [asdict(mistake) for mistake in evaluation.mistakes]
    for row in rows:
        del row["row"]  # a place in memory, which means nothing to whoever reads the file
    _write_json(rows, folder / "mistakes.json")
    picture = folder / "mistakes.png"
    shown = evaluation.mistakes[:PICTURED_MISTAKES]
    if not shown:
        picture.unlink(missing_ok=True)
        return
    pictures = [decode_image(dataset.read(mistake.row)).pixels for mistake in shown]
    count = len(evaluation.mistakes)
    some = (
        f"the {len(shown)} surest of {count:,} mistakes" if count > len(shown) else f"mistakes ({count}), surest first"
    )
    save_figure(draw_mistakes(shown, pictures, f"{model}: {some}"), picture)


def _write_json(value: Any, path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2), encoding="utf-8")
