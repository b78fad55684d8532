"""`Dataset`: labelled images that are read one at a time, whatever they come from."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.errors import DatasetError


@dataclass(frozen=True)
class Dataset:
    """Images as encoded files. `targets[i]` is the index into `labels` of the image that `names[i]` names.

    Even images that come as arrays are handed out encoded, so that every picture passes the one decoder.
    """

    name: str
    labels: tuple[str, ...]
    names: tuple[str, ...]
    targets: NDArray[np.int64]
    read: Callable[[int], bytes]

    def __post_init__(self) -> None:
        if len(self.labels) < 2:
            raise DatasetError(f"{self.name}: a classifier needs at least two classes. Received: {len(self.labels)}")
        counts = np.bincount(self.targets, minlength=len(self.labels))
        if empty := [label for label, count in zip(self.labels, counts, strict=True) if count == 0]:
            raise DatasetError(f"{self.name}: class {empty[0]!r} has no images; add some or remove it")

    def digest(self) -> str:
        """Return a SHA-256 over the names and contents of all images, in hexadecimal."""
        digest = hashlib.sha256()
        for i, name in enumerate(self.names):
            digest.update(name.encode("utf-8", "surrogateescape") + b"\0" + hashlib.sha256(self.read(i)).digest())
        return digest.hexdigest()
