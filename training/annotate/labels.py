"""Labels: which ones training will take as names of classes, and which key stands for which."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge.errors import UsageError

LONGEST_BYTES = 255  # what file systems take
# The key by which the page ignores an item; no label has it.
IGNORE_KEY = "~"


@dataclass(frozen=True)
class Choice:
    """A label that is offered, and the keys that stand for it, the best first."""

    label: str
    keys: tuple[str, ...]


def check_label(label: str, known: Iterable[str]) -> None:
    """Raise UsageError if `label` cannot be a class folder, or would be mistaken for one of `known` in training."""
    if not label.strip() or label != label.strip():
        raise UsageError(f"a label must not be blank, nor begin or end with a blank. Received: {label!r}")
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in label):
        raise UsageError(f"a label must be readable text. Received: {label!r}")
    if label.startswith(".") or "/" in label or "\\" in label or len(label.encode()) > LONGEST_BYTES:
        raise UsageError(f"a label must be a possible name of a folder that is not hidden. Received: {label!r:.80}")
    folded = _folded(label)
    if clash := next((other for other in known if other != label and _folded(other) == folded), None):
        raise UsageError(f"the labels {clash!r} and {label!r} would be one to training; choose one of them")


def parse_labels(text: str) -> tuple[str, ...]:
    """Return the labels in `text`, separated by commas. Raises UsageError for fewer than two, or one of the rules."""
    labels = tuple(label.strip() for label in text.split(","))
    for index, label in enumerate(labels):
        check_label(label, labels[:index])
    if len(labels) < 2 or len(set(labels)) < len(labels):
        raise UsageError(f"--labels must be at least two that differ, as in cat,dog. Received: {text!r}")
    return labels


def assign_keys(labels: Sequence[str]) -> tuple[Choice, ...]:
    """Return `labels` with their keys: a label of one character is its own key, the others have their place and letter.

    The place is 1 to 9; the first letter counts where no other label begins with it. No key stands for two, in
    whichever case it is typed.
    """
    keys: dict[str, list[str]] = {label: [label] for label in labels if len(label) == 1 and label != IGNORE_KEY}
    taken = {label.casefold() for label in keys}
    initials = [label[0].casefold() for label in labels]
    for place, label in enumerate(labels, 1):
        initial = label[0].casefold()
        wanted = [str(place)] if place <= 9 else []
        alone = initials.count(initial) == 1 and not initial.isdecimal() and initial != IGNORE_KEY
        wanted += [initial] if alone else []
        if label not in keys:
            keys[label] = [key for key in wanted if key not in taken]
    return tuple(Choice(label, tuple(keys[label])) for label in labels)


def _folded(label: str) -> str:
    # As `training.datasets.folder` compares the names of class folders.
    return unicodedata.normalize("NFKC", label).strip().casefold()
