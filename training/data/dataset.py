"""`Dataset`: labelled images that are read one at a time, whatever they come from."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge.errors import DatasetError, ImageError
from edge.image import MAX_PIXELS, most_bytes, opened_image

Part = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Dataset:
    """Labelled images: `targets[i]` is the index into `labels` of the image that `names[i]` names.

    `sources[i]` is the path of a file, or pixels, uint8 [H, W] or [H, W, 1 or 3]. `parts[i]` is what the image is for
    where its source says so, and "train" elsewhere. Raises DatasetError for a class without images, and for fewer than
    two classes.
    """

    name: str
    labels: tuple[str, ...]
    names: tuple[str, ...]
    targets: NDArray[np.int64]
    sources: Sequence[str | NDArray[np.uint8]]
    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        if len(self.labels) < 2:
            raise DatasetError(f"{self.name}: a classifier needs at least two classes. Received: {len(self.labels)}")
        counts = np.bincount(self.targets, minlength=len(self.labels))
        if empty := [label for label, count in zip(self.labels, counts, strict=True) if count == 0]:
            raise DatasetError(f"{self.name}: class {empty[0]!r} has no images; add some or remove it")

    def read(self, i: int) -> bytes:
        """Return one image as a file; pixels become a PNG, so that all images pass one decoder. Raises ImageError."""
        source = self.sources[i]
        if isinstance(source, str):
            with opened_image(source) as stream:
                if os.fstat(stream.fileno()).st_size > most_bytes(MAX_PIXELS):
                    raise ImageError("too_many_bytes", "the file has more bytes than an image needs")
                return stream.read()
        png = BytesIO()
        Image.fromarray(source[:, :, 0] if source.shape[2:] == (1,) else source).save(png, "PNG", compress_level=1)
        return png.getvalue()

    def digest(self, hashes: Sequence[bytes]) -> str:
        """Return a SHA-256 over all names, labels and `hashes` of the contents, in hexadecimal."""
        digest = hashlib.sha256("\0".join(self.labels).encode("utf-8", "surrogateescape"))
        for name, target, content in zip(self.names, self.targets.tolist(), hashes, strict=True):
            digest.update(f"\0{name}\0{target}\0".encode("utf-8", "surrogateescape") + content)
        return digest.hexdigest()

    def select(self, rows: NDArray[np.int64]) -> "Dataset":
        """Return the images of `rows` as a data set with the same labels."""
        return replace(
            self,
            names=tuple(self.names[row] for row in rows),
            targets=self.targets[rows],
            sources=[self.sources[row] for row in rows],
            parts=tuple(self.parts[row] for row in rows),
        )
