"""Folders as data sets: what is taken, in which order, and which names are refused."""

import os
import unicodedata
from pathlib import Path

import pytest

from edge.errors import DatasetError
from tests.training.conftest import Draw, save_picture
from training.datasets.folder import load_folder


def test_classes_and_images_come_in_order_of_name(draw: Draw) -> None:
    folder = draw(dog=["b.png", "a.jpg"], cat=["2.png", "10.png", "1.JPG"], Ant=["x.bmp", "y.gif"])
    dataset = load_folder(folder)
    assert dataset.name == "pets"
    assert dataset.labels == ("Ant", "cat", "dog")  # capitals come first in Unicode
    assert dataset.names == (
        *("Ant/x.bmp", "Ant/y.gif"),
        *("cat/1.JPG", "cat/10.png", "cat/2.png"),
        *("dog/a.jpg", "dog/b.png"),
    )
    assert dataset.targets.tolist() == [0, 0, 1, 1, 1, 2, 2]
    assert [dataset.read(i) for i in range(7)] == [(folder / name).read_bytes() for name in dataset.names]


def test_nested_images_count_and_hidden_or_other_files_do_not(draw: Draw) -> None:
    folder = draw(cat=["a.png"], dog=["a.png"])
    for name in ("cat/2024/june/b.png", "cat/.cache/c.png", "cat/.d.png", ".git/e.png", "top.png"):
        save_picture(folder / name, 100)
    (folder / "cat" / "notes.txt").write_text("not an image")
    (folder / "README.md").write_text("nor this")
    dataset = load_folder(folder)
    assert dataset.labels == ("cat", "dog")
    assert dataset.names == ("cat/a.png", "cat/2024/june/b.png", "dog/a.png")


def test_a_folder_that_cannot_be_read_is_named(draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pictures would be missing without a word."""
    folder = draw(cat=["a.png"], dog=["a.png"])
    save_picture(folder / "cat" / "locked" / "b.png", 100)
    scandir = os.scandir

    def refuse(path: str) -> object:  # permissions do not bind root, who runs tests in a container
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DatasetError, match=r"cat/locked: the folder cannot be read \(Permission denied\)"):
        load_folder(folder)


def test_linked_folders_within_a_class_are_passed_over_and_linked_files_are_not(draw: Draw) -> None:
    folder = draw(cat=["a.png"], dog=["a.png"])
    (folder / "cat" / "again").symlink_to(folder / "cat")
    (folder / "cat" / "b.png").symlink_to(folder / "dog" / "a.png")
    assert load_folder(folder).names == ("cat/a.png", "cat/b.png", "dog/a.png")


def test_labels_keep_their_spelling(draw: Draw) -> None:
    labels = ["\u732b", "caf\u00e9", "t\u00f6r\u00f6k \u0130", "a.b-c_d", "10%"]
    assert set(load_folder(draw({label: ["a.png"] for label in labels})).labels) == set(labels)


def test_digest_follows_names_and_contents(draw: Draw) -> None:
    folder = draw(cat=["a.png", "b.png"], dog=["a.png"])

    def digest() -> str:
        dataset = load_folder(folder)
        return dataset.digest([dataset.content_hash(i) for i in range(len(dataset.names))])

    first = digest()
    assert digest() == first
    (folder / "cat" / "a.png").rename(folder / "cat" / "c.png")
    renamed = digest()
    save_picture(folder / "cat" / "c.png", 7)
    assert len({first, renamed, digest()}) == 3


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cat", "Cat"),
        ("cat", "cat "),
        ("cat", " CAT"),
        ("cat", "cat\u00a0"),
        ("stra\u00dfe", "STRASSE"),
        (unicodedata.normalize("NFC", "caf\u00e9"), unicodedata.normalize("NFD", "caf\u00e9")),
        ("1", "\uff11"),
        ("\ufb01sh", "fish"),
    ],
    ids=["case", "space behind", "space and case", "no-break space", "sharp s", "NFC and NFD", "wide", "ligature"],
)
def test_labels_that_could_be_mistaken_are_both_named(draw: Draw, one: str, other: str) -> None:
    folder = draw({one: ["a.png"], "dog": ["a.png"], other: ["a.png"]})
    with pytest.raises(DatasetError, match="clash") as caught:
        load_folder(folder)
    assert repr(one) in str(caught.value)
    assert repr(other) in str(caught.value)


@pytest.mark.parametrize("blank", [" ", "\u2003"])
def test_a_blank_label_is_refused(draw: Draw, blank: str) -> None:
    with pytest.raises(DatasetError, match="blank name"):
        load_folder(draw({blank: ["a.png"], "dog": ["a.png"]}))


def test_a_label_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """Its bytes could stand in no JSON, no answer and no plot; better said before the training than behind it."""
    label = b"caf\xe9".decode("utf-8", "surrogateescape")  # a name in Latin-1, as Python gives it
    for name in (label, "dog"):
        save_picture(tmp_path / name / "a.png", 100)
    with pytest.raises(DatasetError, match="rename"):
        load_folder(tmp_path)


def test_an_empty_class_is_named(draw: Draw) -> None:
    with pytest.raises(DatasetError, match="class 'cat' has no images"):
        load_folder(draw(dog=["a.png"], cat=[]))


@pytest.mark.parametrize(("classes", "count"), [({}, 0), ({"cat": ["a.png"]}, 1)])
def test_fewer_than_two_classes_are_refused(
    draw: Draw, tmp_path: Path, classes: dict[str, list[str]], count: int
) -> None:
    (tmp_path / "pets").mkdir(exist_ok=True)
    with pytest.raises(DatasetError, match=f"at least two classes. Received: {count}"):
        load_folder(draw(**classes) if classes else tmp_path / "pets")
