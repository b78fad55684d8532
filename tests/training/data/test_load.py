"""What a user may name as a data set, as its test part and as its limit."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.errors import DatasetError, UsageError
from tests.training.conftest import Draw, save_picture
from training.data.load import is_dataset, load_dataset, require_outside

MANY = [f"{i}.png" for i in range(9)]


def test_a_name_that_is_nothing_is_refused(draw: Draw, tmp_path: Path) -> None:
    picture = draw(cat=MANY, dog=MANY) / "cat" / "1.png"
    with pytest.raises(DatasetError, match="digits"):
        load_dataset("digit")
    for name in (str(tmp_path / "nowhere"), str(picture), "nowhere.npz"):
        assert not is_dataset(name)
        with pytest.raises(DatasetError, match=name):
            load_dataset(name)
    assert is_dataset("digits")
    assert is_dataset(str(picture.parent.parent))


def test_a_limit_is_one_of_each_class_and_part(draw: Draw) -> None:
    folder = draw(cat=MANY, dog=MANY[:3])
    some = load_dataset(str(folder), limit=5, seed=1)
    assert np.bincount(some.targets).tolist() == [5, 3]
    assert [some.read(i) for i in range(8)] == [(folder / name).read_bytes() for name in some.names]
    assert some.names == load_dataset(str(folder), limit=5, seed=1).names
    assert some.names != load_dataset(str(folder), limit=5, seed=2).names
    both = load_dataset(str(folder), test=str(folder), limit=2)
    assert set(Counter(zip(both.parts, both.targets.tolist(), strict=True)).values()) == {2}


def test_another_folder_is_the_test_part(draw: Draw, tmp_path: Path) -> None:
    folder = draw(cat=MANY, dog=MANY)
    for label, count in (("dog", 3), ("cat", 2)):
        for i in range(count):
            save_picture(tmp_path / "other" / label / f"{i}.png", 5 + i)
    both = load_dataset(str(folder), test=str(tmp_path / "other"))
    counts = Counter(zip(both.parts, both.targets.tolist(), strict=True))
    assert counts == {("train", 0): 9, ("train", 1): 9, ("test", 0): 2, ("test", 1): 3}
    for i, part in enumerate(both.parts):
        root = tmp_path / "other" if part == "test" else folder
        path = root / both.names[i].removeprefix("test/" if part == "test" else "")
        assert (both.sources[i], both.read(i)) == (str(path), path.read_bytes())
    assert len(set(both.names)) == len(both.names)
    save_picture(tmp_path / "other" / "eel" / "1.png", 5)
    with pytest.raises(DatasetError, match="eel"):
        load_dataset(str(folder), test=str(tmp_path / "other"))
    x, y = np.zeros((4, 8, 8), np.uint8), np.array([0, 1, 0, 1])
    np.savez(tmp_path / "parts.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    with pytest.raises(UsageError):  # it has a test part
        load_dataset(str(tmp_path / "parts.npz"), test=str(folder))


def test_nothing_is_written_into_the_data_set(draw: Draw, tmp_path: Path) -> None:
    folder = draw(cat=MANY, dog=MANY)
    (tmp_path / "linked").symlink_to(folder / "out")
    for path in (folder / "run", folder / "cat", tmp_path / "linked"):
        with pytest.raises(UsageError):
            require_outside(path, str(folder))
    require_outside(tmp_path / "pets-run", str(folder))
    require_outside(tmp_path / "run", "digits")


def test_the_digest_is_of_names_labels_and_contents(draw: Draw) -> None:
    dataset = load_dataset(str(draw(cat=MANY, dog=MANY)))
    hashes = [str(i).encode() for i in range(18)]
    others = (
        dataset.digest(hashes[::-1]),
        replace(dataset, targets=1 - dataset.targets).digest(hashes),
        replace(dataset, labels=("cat", "eel")).digest(hashes),
        replace(dataset, names=dataset.names[::-1]).digest(hashes),
    )
    assert dataset.digest(hashes) not in others
    assert len(set(others)) == 4
