"""The archive of held-out images and the checks of a run folder."""

import json
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.errors import EyespotError, ModelError, ModelNotFoundError
from export.run_folder import LabelledImage, RunFolder, write_calibration, write_evaluation_images

SPEC = {
    "format": 1,
    "name": "pets",
    "version": None,
    "labels": ["cat", "dog"],
    "preprocessing": [{"kind": "grey"}],
    "regions": None,
    "abstain_below": None,
    "training": None,
    "parity": None,
    "self_test": None,
    "variant": None,
}


def encode(pixels: np.ndarray) -> bytes:
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def pictures(count: int) -> list[tuple[str, np.ndarray]]:
    chance = np.random.default_rng(count)
    return [(f"a/{i}.png", chance.integers(0, 256, (3 + i, 5, 3), dtype=np.uint8)) for i in range(count)]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A whole run folder, but for the network in it."""
    run = RunFolder(tmp_path)
    run.model.write_bytes(b"keras")
    run.spec.write_text(json.dumps(SPEC))
    write_evaluation_images(
        run.evaluation_images, (LabelledImage(name, "cat", encode(pixels)) for name, pixels in pictures(4))
    )
    return run


def test_evaluation_images_come_back_as_pillow_wrote_them(run: RunFolder) -> None:
    found = [(example.name, example.pixels) for example in run.read_evaluation()]
    assert [name for name, _ in found] == [name for name, _ in pictures(4)]
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(found, pictures(4), strict=True))


def test_the_same_images_give_the_same_archive(tmp_path: Path) -> None:
    images = [LabelledImage("a.png", "a", b"12"), LabelledImage("b/\u732b.png", "\u732b", b"56")]
    for name in ("first.zip", "second.zip"):
        write_evaluation_images(tmp_path / name, images)
    assert (tmp_path / "first.zip").read_bytes() == (tmp_path / "second.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "first.zip") as archive:
        found = [(entry.filename, entry.comment.decode(), archive.read(entry)) for entry in archive.infolist()]
        assert found == [(image.name, image.label, image.encoded) for image in images]
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.parametrize(("count", "bytes_", "kept"), [(3, 1000, 3), (100, 25, 2), (100, 20, 2), (100, 1, 1)])
def test_archive_stops_at_either_limit_but_holds_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, bytes_: int, kept: int
) -> None:
    monkeypatch.setattr("export.run_folder.EVALUATION_IMAGES", count)
    monkeypatch.setattr("export.run_folder.EVALUATION_BYTES", bytes_)
    write_evaluation_images(tmp_path / "x.zip", [LabelledImage(str(i), "ten", b"0123456789") for i in range(5)])
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert archive.namelist() == [str(i) for i in range(kept)]


def test_calibration_images_have_limits_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("export.run_folder.CALIBRATION_IMAGES", 2)
    run = RunFolder(tmp_path)
    write_calibration(run.calibration, (LabelledImage(name, "cat", encode(pixels)) for name, pixels in pictures(4)))
    found = [(example.name, example.pixels) for example in run.read_calibration()]
    assert [name for name, _ in found] == [name for name, _ in pictures(4)][:2]
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(found, pictures(4)[:2], strict=True))


@pytest.mark.parametrize("name", ["model.keras", "spec.json", "evaluation.zip"])
def test_a_missing_file_is_named(run: RunFolder, name: str) -> None:
    (run.path / name).unlink()
    with pytest.raises(ModelNotFoundError, match=f"not a finished run, it has no {name}"):
        run.read_spec()


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(SPEC | {"colour": 1}).encode(),
        json.dumps(SPEC).encode()[:-9],
        b"",
        json.dumps(SPEC).encode("utf-16"),
    ],
    ids=["unknown", "cut short", "empty", "no UTF-8"],
)
def test_a_damaged_spec_is_one_line(run: RunFolder, content: bytes) -> None:
    run.spec.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        run.read_spec()
    assert str(run.spec) in str(caught.value)
    assert "\n" not in str(caught.value)


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flip_inside_the_first_image(content: bytes) -> bytes:
    return content[:60] + bytes(byte ^ 0x55 for byte in content[60:70]) + content[70:]


@pytest.mark.parametrize("damage", [cut, flip_inside_the_first_image, lambda _: b""])
def test_a_damaged_archive_is_named(run: RunFolder, damage: "type[bytes]") -> None:
    run.evaluation_images.write_bytes(damage(run.evaluation_images.read_bytes()))
    with pytest.raises(ModelError, match=r"evaluation\.zip"):
        list(run.read_evaluation())


def test_an_entry_that_is_no_image_is_named(run: RunFolder) -> None:
    good = LabelledImage("cat/good.png", "cat", encode(pictures(1)[0][1]))
    write_evaluation_images(run.evaluation_images, [good, LabelledImage("cat/bad.png", "cat", b"words")])
    with pytest.raises(EyespotError, match=r"cat/bad\.png"):
        list(run.read_evaluation())
