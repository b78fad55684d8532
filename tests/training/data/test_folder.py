"""Folders as people have them: one level too deep or too shallow, in parts, in the layout of SMILES, badly named."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from edge.errors import DatasetError
from tests.training.conftest import Draw, save_picture
from training.data.folder import load_folder

NAMES = ["1.png", "2.jpg"]


def test_classes_are_folders_and_pictures_lie_at_any_depth(draw: Draw) -> None:
    folder = draw(dog=NAMES, cat=["a.jpeg", "B.PNG", ".hidden.png"])
    save_picture(folder / "cat" / "kittens" / "c.png", 50)
    (folder / "cat" / "notes.txt").write_text("mine")
    (folder / ".cache").mkdir()
    (folder / "readme.md").write_text("mine")
    dataset = load_folder(folder)
    assert (dataset.name, dataset.labels, dataset.parts) == ("pets", ("cat", "dog"), ("train",) * 5)
    assert sorted(dataset.names) == ["cat/B.PNG", "cat/a.jpeg", "cat/kittens/c.png", "dog/1.png", "dog/2.jpg"]
    for i, name in enumerate(dataset.names):
        assert dataset.labels[dataset.targets[i]] == name.split("/")[0]
        assert (dataset.sources[i], dataset.read(i)) == (str(folder / name), (folder / name).read_bytes())


@pytest.mark.parametrize(
    "names", [("train", "val", "test"), ("Train", "validation", "Test"), ("training", "valid", "test")]
)
def test_parts_above_the_classes_are_the_parts(tmp_path: Path, names: tuple[str, str, str]) -> None:
    for part, count in zip(names, (3, 2, 1), strict=True):
        for label in ("cat", "dog"):
            for i in range(count):
                save_picture(tmp_path / part / label / f"{i}.png", 10 * i)
    dataset = load_folder(tmp_path)
    assert dataset.labels == ("cat", "dog")
    assert [dataset.parts.count(part) for part in ("train", "validation", "test")] == [6, 4, 2]
    assert all(
        name.startswith(names[2]) == (part == "test") for name, part in zip(dataset.names, dataset.parts, strict=True)
    )
    save_picture(tmp_path / "extra" / "cat" / "1.png", 3)
    with pytest.raises(DatasetError, match="extra"):
        load_folder(tmp_path)


def test_smiles_is_found_by_its_folders(tmp_path: Path) -> None:
    for part, label in (("positives", "positives7"), ("negatives", "negatives7")):
        save_picture(tmp_path / part / label / "1.jpg", 40)
    dataset = load_folder(tmp_path)
    assert (dataset.labels, dataset.names) == (
        ("not_smiling", "smiling"),
        ("negatives/negatives7/1.jpg", "positives/positives7/1.jpg"),
    )


def test_a_level_too_high_or_too_low_names_the_folder_to_give(draw: Draw, tmp_path: Path) -> None:
    folder = draw(cat=NAMES, dog=NAMES)
    with pytest.raises(DatasetError, match=f"give {folder}"):
        load_folder(tmp_path)
    with pytest.raises(DatasetError, match=str(folder)):
        load_folder(folder / "cat")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError):
        load_folder(tmp_path / "empty")


@pytest.mark.parametrize(
    "classes",
    [
        ({"cat": NAMES}),
        ({"cat": NAMES, "dog": []}),
        ({"cat": NAMES, "dog": [".a.png"]}),
        ({"cat": NAMES, "Cat": NAMES}),
        ({"caf\u00e9": NAMES, "cafe\u0301": NAMES}),
        ({"cat": NAMES, "cat ": NAMES}),
        ({"cat": NAMES, " ": NAMES}),
        ({"cat": NAMES, "d\x07g": NAMES}),
        ({"cat": NAMES, "d\udce9g": NAMES}),
    ],
    ids=["one", "empty", "hidden", "case", "NFC and NFD", "space", "blank", "control", "bytes"],
)
def test_classes_that_would_be_mistaken_or_are_empty_are_refused(draw: Draw, classes: dict[str, Iterable[str]]) -> None:
    with pytest.raises(DatasetError):
        load_folder(draw(classes))
