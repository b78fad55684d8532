"""`Dataset`: labelled images that are read one at a time, whatever they come from."""

import hashlib
import json
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.errors import DatasetError

# Of labels that are described, and of the digest that tells them from others.
SHOWN_CHARACTERS, DIGEST_CHARACTERS = 80, 12

Part = Literal["train", "held_out"]


@dataclass(frozen=True)
class Dataset:
    """Images as encoded files. `targets[i]` is the index into `labels` of the image that `names[i]` names.

    Even images that come as arrays are handed out encoded, so that every picture passes the one decoder.
    `parts` says on which side each image belongs, where the source has decided that, and is None elsewhere.
    `read` raises ImageError for an image that cannot be read. `hashed` is given by a source that can tell the SHA-256
    of a content without holding all of it in memory.
    """

    name: str
    labels: tuple[str, ...]
    names: tuple[str, ...]
    targets: NDArray[np.int64]
    read: Callable[[int], bytes]
    parts: tuple[Part, ...] | None = None
    hashed: Callable[[int], bytes] | None = None

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
        """Return a line that is the same for two data sets only if the same labels stand for the same images."""
        digest = hashlib.sha256(json.dumps([self.labels, self.targets.tolist()]).encode())
        shown = textwrap.shorten(", ".join(self.labels), SHOWN_CHARACTERS, placeholder=" ...")
        return f"{shown} ({digest.hexdigest()[:DIGEST_CHARACTERS]})"

    def select(self, rows: NDArray[np.int64]) -> "Dataset":
        """Return the images of `rows` as a data set of its own, with the same labels."""
        hashed = self.hashed
        return Dataset(
            self.name,
            self.labels,
            tuple(self.names[row] for row in rows),
            self.targets[rows],
            lambda i: self.read(int(rows[i])),
            tuple(self.parts[row] for row in rows) if self.parts else None,
            None if hashed is None else lambda i: hashed(int(rows[i])),
        )
