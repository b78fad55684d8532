"""Which labels can be classes, held against the loader of training, and which key stands for which."""

from pathlib import Path

import pytest

from edge.errors import DatasetError, UsageError
from training.annotate.labels import assign_keys, check_label, parse_labels
from training.datasets.folder import load_folder


@pytest.mark.parametrize("label", ["7", "not smiling", "ä", "\u5b57", "a.b", "#", "x" * 255])
def test_what_training_takes_is_taken(label: str, tmp_path: Path) -> None:
    check_label(label, ["other"])
    for name in (label, "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "000001.png").write_bytes(b"")
    assert sorted(load_folder(tmp_path).labels) == sorted([label, "other"])


@pytest.mark.parametrize(
    "label", ["", "  ", " a", "a\n", ".", "..", ".hidden", "a/b", "../a", "a\\b", "\0", "\udcff", "x" * 256]
)
def test_what_can_be_no_class_is_refused(label: str) -> None:
    with pytest.raises(UsageError, match=r"^a label must "):
        check_label(label, [])


@pytest.mark.parametrize(("first", "second"), [("a", "A"), ("\u00e9", "e\u0301"), ("ﬁ", "fi")])
def test_labels_that_training_would_confuse_are_refused(first: str, second: str, tmp_path: Path) -> None:
    check_label(first, [first])
    with pytest.raises(UsageError, match="would be one to training"):
        check_label(second, [first])
    for name in (first, second):
        (tmp_path / name).mkdir()
    with pytest.raises(DatasetError, match="clash"):
        load_folder(tmp_path)


@pytest.mark.parametrize(
    ("labels", "keys"),
    [
        (("cat", "dog"), [("1", "c"), ("2", "d")]),
        (("smiling", "surprised", "other"), [("1",), ("2",), ("3", "o")]),
        (("1", "2", "none"), [("1",), ("2",), ("3", "n")]),
        (("none", "1", "n"), [(), ("1",), ("n",)]),
        (
            tuple(f"{c}{c}" for c in "abcdefghijk"),
            [(str(i + 1), c) if i < 9 else (c,) for i, c in enumerate("abcdefghijk")],
        ),
        (("a", "bb", "cc"), [("a",), ("2", "b"), ("3", "c")]),
        (("A", "b", "ab", "cc"), [("A",), ("b",), ("3",), ("4", "c")]),
        (("~", "~~", "x"), [("1",), ("2",), ("x",)]),  # that key ignores
    ],
)
def test_each_key_stands_for_one_label(labels: tuple[str, ...], keys: list[tuple[str, ...]]) -> None:
    choices = assign_keys(labels)
    assert [choice.label for choice in choices] == list(labels)
    assert [choice.keys for choice in choices] == keys
    given = [key.casefold() for choice in choices for key in choice.keys]
    assert len(given) == len(set(given))


def test_labels_are_split_at_commas() -> None:
    assert parse_labels("cat, big dog") == ("cat", "big dog")


@pytest.mark.parametrize("text", ["", "cat", "cat,cat", "cat,Cat", "cat,,dog", "a/b,c"])
def test_labels_that_cannot_be_are_one_line(text: str) -> None:
    with pytest.raises(UsageError):
        parse_labels(text)
