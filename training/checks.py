"""What a person should know before they trust a classifier: findings about the data, and about the result."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from export.evaluation import COOLEST, HOTTEST
from training.data.dataset import Dataset
from training.data.prepare import Pictures
from training.data.split import Split
from training.report.report import Finding, Report

# How many times as many images the largest class may have.
IMBALANCE = 2
FEW_IMAGES = 10
# A class is taken for one of one camera or size where all its pictures are, and of the others at most this share.
SHARED_BY_OTHERS = 0.1
# How close to its bounds a temperature counts as being at them.
NEAR = 1.01


def check_data(pictures: Pictures, split: Split, balanced: bool) -> Iterator[Finding]:
    """Yield what is suspicious about the pictures of a data set; `balanced` classes are weighted."""
    dataset, labels, targets = pictures.dataset, pictures.dataset.labels, pictures.dataset.targets
    counts = np.bincount(targets, minlength=len(labels))
    different = np.bincount(targets[split.origin == np.arange(len(split.origin))], minlength=len(labels))
    most, least = int(counts.argmax()), int(counts.argmin())
    if counts[most] >= IMBALANCE * counts[least] and not balanced:
        text = f"{counts[most]:,} images of {labels[most]!r} and {counts[least]:,} of {labels[least]!r}"
        yield Finding("unbalanced", f"classes are unbalanced, {text}; gather more, or see --class-weights")
    for label, count, unique in zip(labels, counts, different, strict=True):
        if unique < FEW_IMAGES:
            text = f"class {label!r} has {unique} different images, fewer than {FEW_IMAGES}; gather more"
            yield Finding("few_images", text)
        if count > 2 * unique:
            text = f"{count - unique:,} of the {count:,} images of {label!r} are copies of others"
            yield Finding("duplicates", f"{text}; gather different ones")
    contradicting = np.flatnonzero(targets != targets[split.origin])
    if len(contradicting):
        row, equal = int(contradicting[0]), int(split.origin[contradicting[0]])
        text = f"images with another label than an equal one: {len(contradicting):,}, such as {dataset.names[row]} and"
        yield Finding("contradicting_labels", f"{text} {dataset.names[equal]}; correct the labels")
    if split.left_out:
        text = f"images in two parts of the data set, which are left out of the earlier part: {split.left_out:,}"
        yield Finding("overlapping_parts", text)
    for part, rows in (("validation", split.validation), ("test", split.test)):
        missing = sorted(set(range(len(labels))) - set(targets[rows].tolist()))
        if len(rows) and missing:
            text = f"class {labels[missing[0]]!r} has no images in the {part} part; add some of every class"
            yield Finding("missing_class", text)
    sizes = [f"{note.size[0]}x{note.size[1]} pixels" for note in pictures.notes]
    yield from _suspicious(dataset, sizes, "one_size", "of one size")
    yield from _suspicious(dataset, [note.camera for note in pictures.notes], "one_camera", "of one camera")


def _suspicious(dataset: Dataset, traits: Sequence[str], code: str, name: str) -> Iterator[Finding]:
    """Yield a finding for each class that can be told by `traits` alone, and so perhaps is."""
    everywhere = Counter(traits)
    of_class: dict[int, Counter[str]] = defaultdict(Counter)
    for trait, target in zip(traits, dataset.targets.tolist(), strict=True):
        of_class[target][trait] += 1
    for target, counts in sorted(of_class.items()):
        trait, count = next(iter(counts.items()))
        others, rest = everywhere[trait] - count, len(traits) - count
        if trait and len(counts) == 1 and count >= FEW_IMAGES and rest and others <= SHARED_BY_OTHERS * rest:
            yield Finding(
                code,
                f"all images of {dataset.labels[target]!r} are {name} ({trait}), unlike the others; the classifier may "
                "have learned that and not what they show; gather images of all classes in the same way",
            )


def check_result(report: Report, temperature: float) -> Iterator[Finding]:
    """Yield what makes a trained classifier doubtful."""
    if report.accuracy_interval.low <= report.baseline_accuracy:
        text = f"{report.accuracy:.1%} is no better than always answering the commonest class"
        remedy = "gather more or clearer images, or check the labels"
        yield Finding("no_better_than_guessing", f"{text} ({report.baseline_accuracy:.1%}); {remedy}")
    predicted = np.sum(report.confusion, axis=0)
    never = [row.label for row, count in zip(report.classes, predicted, strict=True) if row.support and not count]
    if never:
        more = f" and {len(never) - 1} more" if len(never) > 1 else ""
        text = f"{never[0]!r}{more} is never predicted; gather more images of it, or see --class-weights"
        yield Finding("never_predicted", text)
    if temperature >= HOTTEST / NEAR or temperature <= COOLEST * NEAR:
        text = "the probabilities could not be calibrated; do not rely on them, and gather more images"
        yield Finding("not_calibrated", text)
