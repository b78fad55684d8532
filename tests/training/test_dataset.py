"""What every data set must be, whatever it comes from."""

import hashlib

import numpy as np
import pytest

from edge.errors import DatasetError
from training.dataset import Dataset

CONTENTS = [b"one", b"two", b"three"]


def make(labels: tuple[str, ...], targets: list[int]) -> Dataset:
    names = tuple(f"{target}/{i}" for i, target in enumerate(targets))
    return Dataset("pets", labels, names, np.array(targets, np.int64), lambda i: CONTENTS[i])


def test_digest_is_over_names_and_contents() -> None:
    text = b"".join(
        name + b"\0" + hashlib.sha256(content).digest()
        for name, content in zip([b"0/0", b"1/1", b"1/2"], CONTENTS, strict=True)
    )
    dataset = make(("a", "b"), [0, 1, 1])
    assert dataset.digest([dataset.content_hash(i) for i in range(3)]) == hashlib.sha256(text).hexdigest()


def test_labels_are_told_apart_by_what_they_stand_for() -> None:
    """As `--class-depth` does, which leaves names and contents alone."""
    first = make(("a", "b"), [0, 1, 1])
    lines = [data.describe_labels() for data in (first, make(("a", "c"), [0, 1, 1]), make(("a", "b"), [0, 1, 0]))]
    assert len(set(lines)) == 3
    assert lines[0].startswith("a, b (")
    assert make(("a", "b"), [0, 1, 1]).describe_labels() == lines[0]
    many = make(tuple(f"class {i}" for i in range(1000)), list(range(1000)))
    assert len(many.describe_labels()) < 100


@pytest.mark.parametrize("labels", [(), ("a",)])
def test_a_classifier_needs_two_classes(labels: tuple[str, ...]) -> None:
    with pytest.raises(DatasetError, match=f"pets: .*at least two classes. Received: {len(labels)}"):
        make(labels, [0] * len(labels))


@pytest.mark.parametrize(("targets", "empty"), [([0, 0, 2], "b"), ([0, 1, 1], "c"), ([], "a")])
def test_the_first_class_without_images_is_named(targets: list[int], empty: str) -> None:
    with pytest.raises(DatasetError, match=f"class '{empty}' has no images"):
        make(("a", "b", "c"), targets)
