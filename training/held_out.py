"""The held-out images of a finished run as a data set."""

import numpy as np
from numpy.typing import NDArray

from edge.errors import DatasetError, ModelError
from export.run_folder import RunFolder
from training.dataset import Dataset


def load_held_out(run: RunFolder, labels: tuple[str, ...]) -> Dataset:
    """Return the images that `run` has kept; classes of `labels` of which it kept none are left out.

    Raises ModelError if the archive is damaged, or does not say what the images show.
    """
    images = list(run.read_held_out_files())
    found = {image.label for image in images}
    if strangers := sorted(found - set(labels)):
        raise ModelError(
            f"{run.held_out}: the images must carry labels of the run. Received: {strangers[0]!r}; "
            "train it anew, or give --dataset"
        )
    present = tuple(label for label in labels if label in found)
    return Dataset(
        name="held-out images",
        labels=present,
        names=tuple(image.name for image in images),
        targets=np.array([present.index(image.label) for image in images], np.int64),
        read=lambda i: images[i].encoded,
    )


def targets_among(dataset: Dataset, labels: tuple[str, ...]) -> NDArray[np.int64]:
    """Return for each image the index of its label in `labels`, which hold all of the data set's, in any order."""
    return np.array([labels.index(label) for label in dataset.labels], np.int64)[dataset.targets]


def require_same_labels(dataset: Dataset, labels: tuple[str, ...]) -> None:
    """Raise DatasetError, naming what is missing and what is too much, unless the labels are the same in any order."""
    missing = [label for label in labels if label not in dataset.labels]
    extra = [label for label in dataset.labels if label not in labels]
    if missing or extra:
        lacks = f"it lacks {', '.join(map(repr, missing))}" if missing else ""
        brings = f"it brings {', '.join(map(repr, extra))}" if extra else ""
        differences = " and ".join(filter(None, (lacks, brings)))
        raise DatasetError(f"{dataset.name}: a data set must have the labels of the run; {differences}")
