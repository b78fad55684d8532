import zipfile
from pathlib import Path

import numpy as np
import pytest

from edge.errors import DatasetError, ModelError
from export.run_folder import HeldOutImage, RunFolder, write_held_out
from training.dataset import Dataset
from training.held_out import load_held_out, require_same_labels, targets_among

LABELS = ("T-shirt/top", "not_smiling", "smiling")


def folder_with(path: Path, images: list[HeldOutImage]) -> RunFolder:
    run = RunFolder(path)
    write_held_out(run.held_out, images)
    return run


def test_labels_come_back_though_the_names_do_not_tell_them(tmp_path: Path) -> None:
    images = [
        HeldOutImage("positives/positives7/1.png", "smiling", b"one"),
        HeldOutImage("T-shirt/top/test_000002.png", "T-shirt/top", b"two"),
    ]
    dataset = load_held_out(folder_with(tmp_path, images), LABELS)
    assert dataset.labels == ("T-shirt/top", "smiling")  # none of the third class was kept
    assert dataset.names == ("positives/positives7/1.png", "T-shirt/top/test_000002.png")
    assert targets_among(dataset, LABELS).tolist() == [2, 0]
    assert (dataset.read(0), dataset.read(1)) == (b"one", b"two")


def test_an_archive_without_labels_is_refused(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    with zipfile.ZipFile(run.held_out, "w") as archive:
        archive.writestr("smiling/1.png", b"one")
    with pytest.raises(ModelError, match="must carry labels of the run"):
        load_held_out(run, LABELS)


def test_labels_must_be_the_same_in_any_order() -> None:
    dataset = Dataset("other", ("b", "c"), ("b/0", "c/1"), np.array([0, 1]), lambda _: b"")
    require_same_labels(dataset, ("c", "b"))
    with pytest.raises(DatasetError, match=r"it lacks 'a' and it brings 'c'$"):
        require_same_labels(dataset, ("a", "b"))
    with pytest.raises(DatasetError, match=r"; it lacks 'a'$"):
        require_same_labels(dataset, ("a", "b", "c"))
