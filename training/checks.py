"""What a person should know before they trust a classifier: findings about the data, and about the result."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from export.evaluation import COOLEST, HOTTEST
from training.data.prepare import Prepared
from training.data.split import Split
from training.report.report import Finding, Report

# How many times as many images the largest class may have.
IMBALANCE = 2
FEW_IMAGES = 10
# A class is taken for one of one camera or size where all its pictures are, and of the others at most this share.
SHARED_BY_OTHERS = 0.1
# How close to its bounds a temperature counts as being at them.
NEAR = 1.01


def check_data(prepared: Prepared, split: Split, balanced: bool) -> list[Finding]:
    """Return what is suspicious about the pictures of a data set; `balanced` classes are weighted."""
    dataset, origin = prepared.dataset, split.origin
    found = []
    counts = np.bincount(dataset.targets, minlength=len(dataset.labels))
    different = np.bincount(dataset.targets[origin == np.arange(len(origin))], minlength=len(dataset.labels))
    most, least = int(counts.argmax()), int(counts.argmin())
    if counts[most] >= IMBALANCE * counts[least] and not balanced:
        text = f"{counts[most]:,} images of {dataset.labels[most]!r} and {counts[least]:,} of {dataset.labels[least]!r}"
        found.append(Finding("unbalanced", f"classes are unbalanced, {text}; gather more, or see --class-weights"))
    for label, count, unique in zip(dataset.labels, counts, different, strict=True):
        if unique < FEW_IMAGES:
            text = f"class {label!r} has {_images(unique, 'different')}, fewer than {FEW_IMAGES}; gather more"
            found.append(Finding("few_images", text))
        if count > 2 * unique:
            text = (
                f"{count - unique:,} of the {count:,} images of {label!r} are copies of others; gather different ones"
            )
            found.append(Finding("duplicates", text))
    contradicting = np.flatnonzero(dataset.targets != dataset.targets[origin])
    if len(contradicting):
        row = int(contradicting[0])
        names = f"{dataset.names[row]} and {dataset.names[int(origin[row])]}"
        text = (
            f"{_images(len(contradicting))} with another label than an equal one, such as {names}; correct the labels"
        )
        found.append(Finding("contradicting_labels", text))
    if split.left_out:
        text = f"{_images(split.left_out)} in two parts of the data set, left out of the earlier part"
        found.append(Finding("overlapping_parts", text))
    sizes = [f"{width}x{height} pixels" for width, height in (note.size for note in prepared.notes)]
    found += _suspicious(prepared, sizes, "one_size", "of one size")
    return found + _suspicious(prepared, [note.camera for note in prepared.notes], "one_camera", "of one camera")


def _suspicious(prepared: Prepared, traits: Sequence[str], code: str, name: str) -> list[Finding]:
    """Return a finding for each class that can be told by `traits` alone, and so perhaps is."""
    targets, found = prepared.dataset.targets, []
    everywhere = Counter(traits)
    for i, label in enumerate(prepared.dataset.labels):
        of_class = Counter(trait for trait, target in zip(traits, targets.tolist(), strict=True) if target == i)
        trait, count = next(iter(of_class.items()))
        others = everywhere[trait] - count
        enough = count >= FEW_IMAGES and len(targets) > count
        if trait and len(of_class) == 1 and enough and others <= SHARED_BY_OTHERS * (len(targets) - count):
            text = (
                f"all images of {label!r} are {name} ({trait}), unlike the others; the classifier may have learned "
                "that and not what they show; gather images of all classes in the same way"
            )
            found.append(Finding(code, text))
    return found


def check_result(report: Report, temperature: float) -> list[Finding]:
    """Return what makes a trained classifier doubtful."""
    found = []
    if report.accuracy_interval.low <= report.baseline_accuracy:
        text = (
            f"{report.accuracy:.1%} is no better than always answering the commonest class "
            f"({report.baseline_accuracy:.1%}); gather more or clearer images, or check the labels"
        )
        found.append(Finding("no_better_than_guessing", text))
    never = [
        row.label for i, row in enumerate(report.classes) if row.support and not any(c[i] for c in report.confusion)
    ]
    if never:
        more = f" and {len(never) - 1} more" if len(never) > 1 else ""
        text = f"{never[0]!r}{more} is never predicted; gather more images of it, or see --class-weights"
        found.append(Finding("never_predicted", text))
    if temperature >= HOTTEST / NEAR or temperature <= COOLEST * NEAR:
        text = "the probabilities could not be calibrated; do not rely on them, and gather more images"
        found.append(Finding("not_calibrated", text))
    return found


def _images(count: int, kind: str = "") -> str:
    kind = f"{kind} " if kind else ""
    return f"1 {kind}image" if count == 1 else f"{count:,} {kind}images"
