"""Prepare a data set as a command does it: with a bar, and with one answer to images that cannot be read.

It exists because training and evaluation must treat the same folder alike.
"""

import sys
from collections.abc import Sequence

from tqdm import tqdm

from edge.errors import DatasetError
from edge.files import cache_folder
from edge.steps import Step
from training.dataset import Dataset
from training.prepare import Prepared, describe_bad, leave_out_bad, prepare


def prepare_dataset(
    dataset: Dataset, steps: Sequence[Step], skip_bad: bool, jobs: int | None = None
) -> tuple[Dataset, Prepared]:
    """Return `dataset` and its arrays, without images that cannot be read, which standard error names.

    `jobs` images are worked on at once; None is one a core. Raises DatasetError if there are bad ones and
    `skip_bad` is not set.
    """
    with tqdm(total=len(dataset.names), unit="image", desc="preparing", disable=None) as bar:
        prepared = prepare(dataset, steps, cache_folder(), bar.update, jobs)
    if not prepared.bad:
        return dataset, prepared
    if not skip_bad:
        raise DatasetError(f"{describe_bad(dataset, prepared.bad)}; mend or remove them, or say --skip-bad")
    print(f"left out: {describe_bad(dataset, prepared.bad)}", file=sys.stderr)
    return leave_out_bad(dataset, prepared)
