"""What a folder holds: items in order, known by content and box, and what gave none."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.regions.glyphs import crop_glyph, find_glyphs
from edge.result import Box
from edge.spec import Faces, Glyphs
from tests.edge.regions.drawn_glyphs import code, hershey, touching_one
from tests.edge.regions.photographs import ASTRONAUT_FACE, overlap, photograph
from tests.training.annotate.sittings import glyph_crops, write_codes
from training.annotate.cutter import AnyGlyphs, Cutter, Wanted
from training.annotate.pictures import Pictures
from training.annotate.survey import Survey, survey_folder


def survey(folder: Path, wanted: Wanted, output: Path | None = None) -> Survey:
    return survey_folder(folder, Cutter(wanted), output or folder / "dataset", lambda _: None)


def test_glyphs_come_from_left_to_right_picture_by_picture(tmp_path: Path) -> None:
    write_codes(tmp_path, "73", "913")
    found = survey(tmp_path, AnyGlyphs())
    assert [(item.picture.name, item.part) for item in found.items] == [
        *(("000.png", part) for part in (1, 2)),
        *(("001.png", part) for part in (1, 2, 3)),
    ]
    assert found.items[0].picture.sha256 == hashlib.sha256((tmp_path / "000.png").read_bytes()).hexdigest()
    assert (found.items[2].picture.height, found.items[2].picture.width) == hershey("913").shape[:2]
    crops = [crop for text in ("73", "913") for crop in glyph_crops(hershey(text))]
    pictures = Pictures(Cutter(AnyGlyphs()))
    for item, crop in zip(found.items, crops, strict=True):
        assert np.array_equal(pictures.crop(item), crop)


@pytest.mark.parametrize(
    ("text", "remark"), [("739", "3 glyphs found, 4 expected"), ("73915", "5 glyphs found, 4 expected"), ("7391", None)]
)
def test_too_few_and_too_many_are_remarked_on(tmp_path: Path, text: str, remark: str | None) -> None:
    write_codes(tmp_path, text)
    items = survey(tmp_path, Glyphs(4)).items
    assert len(items) == len(text)
    assert {item.picture.remark for item in items} == {remark}


def test_touching_glyphs_are_cut_as_they_will_be_read(tmp_path: Path) -> None:
    pixels, _ = code("3825", gap=-1)
    cv2.imwrite(str(tmp_path / "touching.png"), pixels)
    items = survey(tmp_path, Glyphs(4)).items
    boxes = find_glyphs(pixels, 4).boxes
    assert tuple(item.box for item in items) == boxes
    written = [cv2.imdecode(np.frombuffer(Pictures(Cutter(Glyphs(4))).content(i)[1], np.uint8), 1) for i in items]
    for crop, box in zip(written, boxes, strict=True):
        assert np.array_equal(crop, crop_glyph(pixels, box))


def test_the_face_of_a_photograph_is_one_item(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "astronaut.png"), photograph("astronaut.png")[:, :, ::-1])
    (item,) = survey(tmp_path, Faces()).items
    assert item.box
    assert overlap(item.box, ASTRONAUT_FACE) >= 0.6
    crop = Pictures(Cutter(Faces())).crop(item)
    box: Box = item.box
    assert np.array_equal(crop, photograph("astronaut.png")[box.y : box.y + box.height, box.x : box.x + box.width])


def test_what_gives_no_item_is_told_and_never_fatal(tmp_path: Path) -> None:
    write_codes(tmp_path, "73")
    (tmp_path / "copy.png").write_bytes((tmp_path / "000.png").read_bytes())
    cv2.imwrite(str(tmp_path / "blank.png"), np.full((40, 60, 3), 255, np.uint8))
    (tmp_path / "torn.png").write_bytes((tmp_path / "000.png").read_bytes()[:200])
    (tmp_path / "words.jpg").write_bytes(b"words")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("no picture by its name")
    os.mkfifo(tmp_path / "pipe.png")
    found = survey(tmp_path, AnyGlyphs())
    assert [item.picture.name for item in found.items] == ["000.png", "000.png"]
    assert (found.pictures, found.copies, found.empty) == (2, 1, ("blank.png",))
    reasons = {unreadable.name: unreadable.reason for unreadable in found.unreadable}
    assert sorted(reasons) == ["empty.png", "pipe.png", "torn.png", "words.jpg"]
    assert reasons["pipe.png"] == "this is not a regular file"


def test_what_was_labelled_is_not_asked_about_again(tmp_path: Path) -> None:
    write_codes(tmp_path, "73")
    write_codes(tmp_path / "dataset" / "7", "9")
    assert len(survey(tmp_path, None).items) == 1
    assert len(survey(tmp_path, None, tmp_path / "elsewhere").items) == 2


def keys(found: Survey) -> Sequence[str]:
    return [item.key for item in found.items]


def test_items_are_known_by_content_wherever_they_lie(tmp_path: Path) -> None:
    write_codes(tmp_path / "one", "73", "91")
    before = survey(tmp_path / "one", AnyGlyphs())
    (tmp_path / "one").rename(tmp_path / "two")
    (tmp_path / "two" / "000.png").rename(tmp_path / "two" / "zzz.png")
    after = survey(tmp_path / "two", AnyGlyphs())
    assert keys(after) == [*keys(before)[2:], *keys(before)[:2]]
    assert len(set(keys(before))) == 4
    cv2.imwrite(str(tmp_path / "two" / "zzz.png"), hershey("88"))
    assert not set(keys(survey(tmp_path / "two", AnyGlyphs()))) & set(keys(before)[:2])


def test_labels_that_are_digits_are_cut_as_a_reader_of_digits_cuts(tmp_path: Path) -> None:
    codes = write_codes(tmp_path / "codes", "7391")
    picture = touching_one("68")[0]
    cv2.imwrite(str(codes / "touching.png"), picture)
    for labels, digits in (((), False), (("1", "x"), False), (tuple("123"), True)):
        found = survey_folder(codes, Cutter(Glyphs(4), labels), tmp_path / "none", lambda _: None)
        assert found.items[-1].picture.boxes == find_glyphs(picture, 4, digits).boxes
    assert len(find_glyphs(picture, 4, True).boxes) != len(find_glyphs(picture, 4, False).boxes)
