"""`Report`: how good a classifier is, as report.json holds it and as a table. All shares are from 0 to 1."""

from typing import Any

from msgspec import Struct

# Of suspects.csv, which `eyespot annotate` opens.
SUSPECT_COLUMNS = ("path", "label", "predicted", "probability")


class ClassReport(Struct, frozen=True):
    """Precision, recall and F1 of one class, and the number of its images."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


class Interval(Struct, frozen=True):
    """The ends of an interval."""

    low: float
    high: float


class Bin(Struct, frozen=True):
    """The images whose confidence is above `low` and at most `high`, with the means of confidence and accuracy."""

    low: float
    high: float
    images: int
    confidence: float
    accuracy: float


class Answers(Struct, frozen=True):
    """The share of images whose best probability is at least `below`; accuracy is None if there are none."""

    below: float
    answered: float
    accuracy: float | None


class Finding(Struct, frozen=True):
    """One thing worth a line: a `code` for programs, and a `message` that says what to do about it."""

    code: str
    message: str


class Report(Struct, frozen=True, kw_only=True):
    """What is known of a classifier from its predictions on labelled images.

    `confusion[i][j]` counts images of class i that were predicted as class j. `baseline_accuracy` is that of always
    predicting the commonest class. `bins` are those that have images, `suspects` the mistakes that are probably wrong
    labels. `answers` is None for a model without reject threshold. `phases` and `warnings` are those of a training.
    """

    dataset: str
    evaluated_on: str | None
    accuracy: float
    baseline_accuracy: float
    images: int
    classes: tuple[ClassReport, ...]
    confusion: tuple[tuple[int, ...], ...]
    accuracy_interval: Interval
    calibration_error: float
    bins: tuple[Bin, ...]
    mistakes: int
    suspects: int
    answers: Answers | None
    phases: tuple[dict[str, Any], ...] = ()
    warnings: tuple[Finding, ...] = ()

    def describe(self) -> str:
        """Return a table of the classes, with the figures of all images and the warnings below it."""
        width = max(len("class"), *(len(row.label) for row in self.classes))
        lines = [f"{'class':<{width}}  precision   recall       F1  support"]
        for row in self.classes:
            scores = f"{row.precision:>9.2%}  {row.recall:>7.2%}  {row.f1:>7.2%}"
            lines.append(f"{row.label:<{width}}  {scores}  {row.support:>7,}")
        kind = f" ({self.evaluated_on})" if self.evaluated_on else ""
        low, high = self.accuracy_interval.low, self.accuracy_interval.high
        lines += [
            "",
            f"accuracy           {self.accuracy:.2%} of {self.images:,} images{kind}; "
            f"95 % interval {low:.2%} to {high:.2%}",
            f"baseline           {self.baseline_accuracy:.2%} by always guessing the commonest class",
            f"calibration error  {self.calibration_error:.2%} (ECE, 15 bins)",
            f"mistakes           {self.mistakes:,}, of which {self.suspects:,} are probably labelled wrong",
        ]
        if answers := self.answers:
            right = "" if answers.accuracy is None else f", {answers.accuracy:.2%} of the answers are right"
            lines.append(f"unsure             below {answers.below:.2%}; {answers.answered:.2%} are answered{right}")
        return "\n".join([*lines, *(f"warning: {finding.message}" for finding in self.warnings)])
