"""`Dataset`: labelled images that are read one at a time, whatever they come from."""

import hashlib
import json
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.errors import DatasetError, UsageError

# Of labels that are described, and of the digest that tells them from others.
SHOWN_CHARACTERS, DIGEST_CHARACTERS = 80, 12

Part = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Dataset:
    """Images as encoded files. `targets[i]` is the index into `labels` of the image that `names[i]` names.

    Images that come as arrays are handed out encoded too, so that every picture passes the one decoder.
    `parts` says what each image is for, where the source has decided that, and is None elsewhere. `read` raises
    ImageError for an image that cannot be read. `hashed` is given by a source that can tell the SHA-256 of a
    content without holding all of it in memory, `path` by one whose images are files.
    """

    name: str
    labels: tuple[str, ...]
    names: tuple[str, ...]
    targets: NDArray[np.int64]
    read: Callable[[int], bytes]
    parts: tuple[Part, ...] | None = None
    hashed: Callable[[int], bytes] | None = None
    path: Callable[[int], Path] | None = None

    def __post_init__(self) -> None:
        if len(self.labels) < 2:
            raise DatasetError(f"{self.name}: a classifier needs at least two classes. Received: {len(self.labels)}")
        counts = np.bincount(self.targets, minlength=len(self.labels))
        if empty := [label for label, count in zip(self.labels, counts, strict=True) if count == 0]:
            raise DatasetError(f"{self.name}: class {empty[0]!r} has no images; add some or remove it")

    def content_hash(self, i: int) -> bytes:
        """Return the SHA-256 of one image as it is encoded. Raises ImageError if it cannot be read."""
        return self.hashed(i) if self.hashed else hashlib.sha256(self.read(i)).digest()

    def digest(self, hashes: list[bytes]) -> str:
        """Return a SHA-256 over all names and the `hashes` of all contents, in hexadecimal."""
        digest = hashlib.sha256()
        for name, content in zip(self.names, hashes, strict=True):
            digest.update(name.encode("utf-8", "surrogateescape") + b"\0" + content)
        return digest.hexdigest()

    def describe_labels(self) -> str:
        """Return a line that is the same for two data sets only if the same labels belong to the same images."""
        digest = hashlib.sha256(json.dumps([self.labels, self.targets.tolist()]).encode())
        shown = textwrap.shorten(", ".join(self.labels), SHOWN_CHARACTERS, placeholder=" ...")
        return f"{shown} ({digest.hexdigest()[:DIGEST_CHARACTERS]})"

    def select(self, rows: NDArray[np.int64]) -> "Dataset":
        """Return the images of `rows` as a data set of its own, with the same labels."""
        read, hashed, path = self.read, self.hashed, self.path
        return replace(
            self,
            names=tuple(self.names[row] for row in rows),
            targets=self.targets[rows],
            read=lambda i: read(int(rows[i])),
            parts=tuple(self.parts[row] for row in rows) if self.parts else None,
            hashed=None if hashed is None else lambda i: hashed(int(rows[i])),
            path=None if path is None else lambda i: path(int(rows[i])),
        )


def limit_classes(dataset: Dataset, limit: int, seed: int) -> Dataset:
    """Return at most `limit` images of each class, and of each part of it where the data set has parts."""
    order = np.random.default_rng(seed).permutation(len(dataset.targets))
    taken: dict[tuple[int, str], int] = {}
    rows = []
    for row in order.tolist():
        group = int(dataset.targets[row]), dataset.parts[row] if dataset.parts else ""
        taken[group] = taken.get(group, 0) + 1
        if taken[group] <= limit:
            rows.append(row)
    return dataset.select(np.sort(np.array(rows, np.int64)))


def with_test_part(dataset: Dataset, test: Dataset) -> Dataset:
    """Return `dataset` with the images of `test` as its test part.

    Raises UsageError if `dataset` has a test part, DatasetError if `test` has a class that `dataset` lacks.
    """
    if dataset.parts and "test" in dataset.parts:
        raise UsageError(f"{dataset.name} has a test part of its own; leave out --test, or that part")
    if strangers := [label for label in test.labels if label not in dataset.labels]:
        raise DatasetError(f"{test.name}: its class {strangers[0]!r} is none of {', '.join(dataset.labels)}")
    count, sources = len(dataset.names), (dataset, test)
    before: Iterable[Part] = dataset.parts or repeat("train", count)
    after: Iterable[Part] = repeat("test", len(test.names))
    places = np.array([dataset.labels.index(label) for label in test.labels], np.int64)

    def place(i: int) -> tuple[Dataset, int]:
        return (dataset, i) if i < count else (test, i - count)

    def read(i: int) -> bytes:
        source, row = place(i)
        return source.read(row)

    def content_hash(i: int) -> bytes:
        source, row = place(i)
        return source.content_hash(row)

    def path(i: int) -> Path:
        source, row = place(i)
        return source.path(row) if source.path else Path(source.names[row])

    return Dataset(
        dataset.name,
        dataset.labels,
        (*dataset.names, *(f"test/{name}" for name in test.names)),
        np.concatenate([dataset.targets, places[test.targets]]),
        read,
        (*before, *after),
        content_hash,
        path if all(source.path for source in sources) else None,
    )
