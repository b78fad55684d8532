"""Drawings: where boxes and labels are, and that they can be told from any ground; copies never cost a picture."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from msgspec.structs import replace

from edge.regions.drawing import AnnotatedCopies, annotate, drawable
from edge.result import Box, Classification, Prediction, Region
from tests.edge.pictures import noise, png

LABEL = (Prediction("smiling", 0.98),)
WHOLE = Classification(LABEL)
PICTURE = noise(300, 400, 3)


def of_regions(*boxes: Box, unsure: bool = False) -> Classification:
    return Classification((), unsure, None, tuple(Region(box, LABEL, unsure) for box in boxes))


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return (before != after).any(axis=2)


@pytest.mark.parametrize("picture", [np.zeros_like(PICTURE), np.full_like(PICTURE, 255), PICTURE])
def test_a_label_stands_out_from_any_ground_and_the_picture_is_left_alone(picture: np.ndarray) -> None:
    before = picture.copy()
    drawn = annotate(picture, WHOLE)
    assert drawn.shape == picture.shape
    luma = drawn[:22, :60] @ [0.299, 0.587, 0.114]
    assert (luma < 20).mean() > 0.3  # its own ground
    assert (luma > 200).mean() > 0.05  # letters
    assert not changed(picture, drawn)[60:].any()
    assert np.array_equal(picture, before)


def test_a_box_is_drawn_on_its_edge_and_leaves_its_inside() -> None:
    picture, box = noise(480, 640, 3), Box(200, 150, 200, 100)
    drawn = annotate(picture, of_regions(box))
    difference = changed(picture, drawn)
    assert (drawn[box.y, box.x : box.x + box.width] == (64, 255, 64)).all()
    assert not difference[box.y + 6 : box.y + box.height - 6, box.x + 6 : box.x + box.width - 6].any()
    rows, columns = np.flatnonzero(difference.any(1)), np.flatnonzero(difference.any(0))
    assert rows[-1] <= box.y + box.height + 3  # the label is above
    assert box.y - 40 < rows[0] < box.y - 10
    assert box.x - 3 <= columns[0] < columns[-1] <= box.x + box.width + 3


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (60, 170), (2000, 3000)], ids=str)
def test_small_pictures_are_enlarged_by_a_whole_factor(size: tuple[int, int]) -> None:
    picture = noise(*size, 3)
    drawn = annotate(picture, Classification((Prediction("a", 0.5),)))
    factor = max(-(-240 // min(size)), 1)
    assert drawn.shape == (size[0] * factor, size[1] * factor, 3)
    assert np.array_equal(drawn[-1, -1], picture[-1, -1])
    assert len(np.flatnonzero((drawn[:, 1] == 0).all(axis=1))) >= 14  # the height of the label


def test_unsure_has_a_colour_and_a_caption_of_its_own() -> None:
    picture, box = np.full((480, 640, 3), 128, np.uint8), Box(200, 150, 120, 100)
    drawn = annotate(picture, of_regions(box, unsure=True))
    assert (drawn[box.y, box.x : box.x + box.width] == (255, 176, 0)).all()
    assert changed(annotate(picture, WHOLE), annotate(picture, replace(WHOLE, unsure=True))).any()


@pytest.mark.parametrize(("text", "expected"), [("Äpfel é", "Apfel e"), ("猫", "<U+732B>"), ("a\tb", "a<U+0009>b")])
def test_letters_that_the_font_lacks_are_written_in_others(text: str, expected: str) -> None:
    assert drawable(text) == expected


def test_copies_hold_what_was_drawn_and_equal_names_are_told_apart(tmp_path: Path) -> None:
    sources = ["a/1.webp", "b/1.png", "c/1.JPG", "-"]
    for _ in range(2):  # a second run gives the same
        copies = AnnotatedCopies(tmp_path / "x" / "y", sources)
        paths = [copies.write(source, PICTURE, WHOLE) for source in sources]
        names = ["1-annotated.png", "1-annotated-2.png", "1-annotated.JPG", "standard-input-annotated.png"]
        assert paths == [tmp_path / "x" / "y" / name for name in names]
    assert np.array_equal(cv2.imread(str(paths[0]), cv2.IMREAD_COLOR_RGB), annotate(PICTURE, WHOLE))
    assert [path.read_bytes()[:2] for path in paths] == [b"\x89P", b"\x89P", b"\xff\xd8", b"\x89P"]
    assert len(list((tmp_path / "x" / "y").iterdir())) == 4


@pytest.mark.parametrize("link", [False, True])
def test_a_source_is_never_overwritten(tmp_path: Path, link: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = png(noise(5, 5, 3))
    (tmp_path / "cat.png").write_bytes(before)
    victim = tmp_path / "cat-annotated.png"
    if link:
        (tmp_path / "elsewhere").write_bytes(before)
        victim.symlink_to("elsewhere")
        os.symlink(tmp_path, tmp_path / "other-name")
    else:
        victim.write_bytes(before)
    sources = ["cat.png", "other-name/cat-annotated.png" if link else "./cat-annotated.png"]
    assert AnnotatedCopies(".", sources).write("cat.png", PICTURE, WHOLE).name == "cat-annotated-2.png"
    assert victim.read_bytes() == before
    assert victim.is_symlink() == link
