"""Annotated copies never cost anybody a picture."""

import os
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from edge.annotated_copies import AnnotatedCopies
from edge.classification import Classification, Prediction
from edge.drawing import annotate
from edge.errors import UsageError
from tests.edge.pictures import encode, image, noise, png

ANSWER = Classification((Prediction("cat", 0.9),), None, False)
PICTURE = noise(300, 300, 3)


def test_a_copy_holds_what_was_drawn(tmp_path: Path) -> None:
    path = AnnotatedCopies(tmp_path / "a" / "b", ["x/cat.webp"]).write("x/cat.webp", PICTURE, ANSWER)
    assert path == tmp_path / "a" / "b" / "cat-annotated.png"
    assert np.array_equal(np.asarray(Image.open(path)), annotate(PICTURE, ANSWER))


def test_a_jpeg_stays_a_jpeg(tmp_path: Path) -> None:
    path = AnnotatedCopies(tmp_path, ["cat.JPG"]).write("cat.JPG", PICTURE, ANSWER)
    assert path.name == "cat-annotated.JPG"
    assert Image.open(BytesIO(path.read_bytes())).format == "JPEG"


def test_equal_names_are_told_apart_and_a_second_run_gives_the_same(tmp_path: Path) -> None:
    sources = ["a/1.png", "b/1.png", "c/1.bmp", "-"]
    for _ in range(2):
        copies = AnnotatedCopies(tmp_path, sources)
        names = [copies.write(source, PICTURE, ANSWER).name for source in sources]
        assert names == [
            "1-annotated.png",
            "1-annotated-2.png",
            "1-annotated-3.png",
            "standard-input-annotated.png",
        ]
    assert len(list(tmp_path.iterdir())) == 4


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
    path = AnnotatedCopies(".", sources).write("cat.png", PICTURE, ANSWER)
    assert path.name == "cat-annotated-2.png"
    assert victim.read_bytes() == before
    assert victim.is_symlink() == link


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(encode(image(4, 4, 3), "PNG"))
    with pytest.raises(UsageError, match="--draw takes a folder"):
        AnnotatedCopies(tmp_path / "file", [])


def test_a_copy_is_never_too_wide_for_a_jpeg(tmp_path: Path) -> None:
    copies = AnnotatedCopies(tmp_path, ["wide.jpg"])
    wide = np.zeros((2, 65500, 3), np.uint8)
    assert cv2.imread(str(copies.write("wide.jpg", wide, ANSWER))).shape == wide.shape
