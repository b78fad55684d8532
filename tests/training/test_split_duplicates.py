"""No picture on both sides, whatever it is called and however often it is there."""

from typing import Any

import numpy as np
import pytest

from edge.errors import DatasetError
from training.dataset import Dataset
from training.split import describe_split, split_dataset


def dataset(targets: list[int], **settings: Any) -> Dataset:
    labels = tuple("abc"[: max(targets) + 1])
    names = tuple(f"{i}.png" for i in range(len(targets)))
    return Dataset("made", labels, names, np.array(targets), lambda i: b"", **settings)


def test_copies_stand_on_one_side() -> None:
    targets = [0, 1] * 40
    contents = [str(i % 60).encode() for i in range(80)]  # 20 pictures are there twice
    split = split_dataset(dataset(targets), contents, 0.25, seed=3)
    on_train = {contents[i] for i in split.train}
    on_held = {contents[i] for i in split.held_out}
    assert not on_train & on_held
    assert sorted([*split.train, *split.held_out]) == list(range(80))
    assert split.repeated == 20
    assert split.contradicting == ()
    assert len(on_held) == 15  # a quarter of the 60 different ones


def test_a_copy_under_another_label_is_counted() -> None:
    contents = [str(i).encode() for i in range(19)] + [b"0"]
    split = split_dataset(dataset([0, 1] * 10), contents, 0.25, seed=3)
    assert (split.repeated, split.contradicting) == (1, ((19, 0),))
    assert describe_split(dataset([0, 1] * 10), split, False)[1:] == [
        "1 image repeats another; none stands on both sides",
        "warning: 1 image carries another label than the picture repeated, such as 19.png and 0.png",
    ]


def test_a_given_division_is_honoured_but_for_leaks() -> None:
    parts = ("train",) * 6 + ("held_out",) * 2
    contents = [b"0", b"1", b"2", b"3", b"4", b"7", b"6", b"7"]  # the last of train is in the test set as well
    split = split_dataset(dataset([0, 1] * 4, parts=parts), contents, 0.25, seed=1)
    assert sorted(split.train) == [0, 1, 2, 3, 4]
    assert sorted(split.held_out) == [6, 7]
    assert describe_split(dataset([0, 1] * 4, parts=parts), split, False) == [
        "5 images to train on, 2 held out, as the data set says",
        "1 image repeats another; none stands on both sides",
        "warning: 1 image is not trained on, being held out as well",
    ]


def test_imbalance_is_said() -> None:
    some = dataset([0] * 30 + [1] * 6)
    split = split_dataset(some, [str(i).encode() for i in range(36)], 0.25, seed=1)
    many, few = np.bincount(some.targets[split.train])
    assert many + few == 27
    found = f"classes are unbalanced, {many} of 'a' and {few} of 'b'; "
    assert describe_split(some, split, False)[1:] == [f"warning: {found}see --class-weights balanced"]
    assert describe_split(some, split, True)[1:] == [f"{found}weighted so that each counts the same"]


def test_a_class_of_copies_is_too_small() -> None:
    with pytest.raises(DatasetError, match="class 'b' has 1 image; "):
        split_dataset(dataset([0, 0, 0, 1, 1]), [b"0", b"1", b"2", b"3", b"3"], 0.25, seed=1)


@pytest.mark.parametrize(
    ("held_out", "said"),
    [
        ([0, 1, 2], None),
        ([0, 1], "warning: no picture of 'c' is held out, so nothing judges it"),
        (
            [1],
            "warning: no picture of 'a' and 1 more is held out, so nothing judges it, and of only one class one is; "
            "evaluate the run with --dataset",
        ),
    ],
)
def test_a_class_that_nothing_judges_is_said(held_out: list[int], said: str | None) -> None:
    targets = [0, 1, 2] * 5
    parts = tuple("held_out" if i in held_out else "train" for i in range(15))
    data = dataset(targets, parts=parts)
    split = split_dataset(data, [str(i).encode() for i in range(15)], 0.25, seed=3)
    assert describe_split(data, split, False)[1:] == ([said] if said else [])
