"""The array for training against Pillow's resize and OpenCV's grey, image by image."""

import math
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from edge.steps import CentreCrop, Grey, Resize, ResizeSide, Scale, Step
from tests.training.conftest import Draw, save_picture
from training.dataset import Dataset
from training.datasets.folder import load_folder
from training.prepare import describe_bad, prepare

SIZES = [(9, 12), (28, 28), (60, 45), (3, 100), (1, 1), (240, 320)]
GREY: tuple[Step, ...] = (Resize(28, 28, "antialias"), Grey(), Scale(1 / 255))
COLOUR: tuple[Step, ...] = (Resize(20, 31, "antialias"), Scale(1 / 255))


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Pictures of several formats, modes and sizes in two classes."""
    for i, size in enumerate(SIZES):
        save_picture(tmp_path / "mixed" / "a" / f"{i}.png", 90, size)
        save_picture(tmp_path / "mixed" / "b" / f"{i}.bmp", 170, size)
    with Image.open(tmp_path / "mixed" / "a" / "2.png") as picture:
        picture.convert("L").save(tmp_path / "mixed" / "a" / "grey.png")
        picture.convert("L").save(tmp_path / "mixed" / "b" / "grey.jpg", quality=95)
        picture.save(tmp_path / "mixed" / "b" / "colour.jpg", quality=95, subsampling=0)
        picture.convert("P").save(tmp_path / "mixed" / "b" / "palette.png")
    return tmp_path / "mixed"


def by_pillow(path: Path, height: int, width: int) -> np.ndarray:
    with Image.open(path) as picture:
        resized = picture.convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized)


def arrays_of(dataset: Dataset, steps: tuple[Step, ...], folder: Path) -> np.ndarray:
    return prepare(dataset, steps, folder / "cache", lambda _: None).arrays


def bad_of(folder: Path) -> str:
    dataset = load_folder(folder)
    return describe_bad(dataset, prepare(dataset, GREY, folder.parent / "cache", lambda _: None).bad)


def test_colour_is_pillow_and_nothing_else(mixed: Path, tmp_path: Path) -> None:
    dataset = load_folder(mixed)
    arrays = arrays_of(dataset, COLOUR, tmp_path)
    assert (arrays.dtype, arrays.shape) == (np.float32, (len(SIZES) * 2 + 4, 20, 31, 3))
    for name, array in zip(dataset.names, arrays, strict=True):
        # One level: both round between the two passes of the resize, in another order.
        assert np.abs(array * 255 - by_pillow(mixed / name, 20, 31)).max() <= 1.001, name


def test_measures_are_those_of_the_whole_picture(mixed: Path, tmp_path: Path) -> None:
    dataset = load_folder(mixed)
    measures = prepare(dataset, GREY, tmp_path / "cache", lambda _: None).measures
    for name, (size, brightness, contrast) in zip(dataset.names, measures, strict=True):
        with Image.open(mixed / name) as picture:
            pixels = np.asarray(picture.convert("RGB"), np.float64)
        assert size == pytest.approx(math.sqrt(pixels.shape[0] * pixels.shape[1]))
        # Of a large picture only some lines are looked at, and these pictures are even enough for that.
        grey = pixels @ [0.299, 0.587, 0.114]
        assert (brightness, contrast) == pytest.approx((grey.mean(), grey.std()), abs=3), name


def test_grey_is_opencv_on_pillow(mixed: Path, tmp_path: Path) -> None:
    dataset = load_folder(mixed)
    arrays = arrays_of(dataset, GREY, tmp_path)
    assert arrays.shape == (len(dataset.names), 28, 28, 1)
    for name, array in zip(dataset.names, arrays, strict=True):
        grey = cv2.cvtColor(by_pillow(mixed / name, 28, 28), cv2.COLOR_RGB2GRAY)
        # The weights of luma sum to 1, so one level before it is one level behind it.
        assert np.abs(array[:, :, 0] * 255 - grey).max() <= 1.001, name


def test_unreadable_images_are_all_counted_and_the_first_named(draw: Draw) -> None:
    folder = draw(cat=["good.png"], dog=["good.png"])
    whole = (folder / "cat" / "good.png").read_bytes()
    bad = {"a.png": b"", "b.png": b"just words", "c.png": whole[:60], "d.jpg": b"GIF", "e.png": whole[:-20]}
    for name, content in bad.items():
        (folder / "cat" / name).write_bytes(content)
    (folder / "dog" / "gone.png").symlink_to(folder / "nowhere.png")
    assert bad_of(folder) == (
        "pets: 6 unreadable images: cat/a.png (empty), cat/b.png (not_an_image), "
        "cat/c.png (corrupt), cat/d.jpg (not_an_image), cat/e.png (corrupt) and 1 more"
    )


def test_a_file_that_cannot_be_opened_is_named_with_the_reason(draw: Draw) -> None:
    folder = draw(cat=["good.png"], dog=["good.png"])
    (folder / "dog" / "gone.png").symlink_to(folder / "nowhere.png")
    assert bad_of(folder) == "pets: 1 unreadable image: dog/gone.png (there is no such file)"


def test_what_is_no_file_or_larger_than_any_picture_is_bad_and_not_waited_for(draw: Draw) -> None:
    folder = draw(cat=["good.png"], dog=["good.png"])
    os.mkfifo(folder / "cat" / "pipe.png")
    with (folder / "dog" / "huge.png").open("wb") as file:
        file.truncate(1 << 40)  # of nothing but holes; to read a terabyte would take hours
    assert bad_of(folder) == (
        "pets: 2 unreadable images: cat/pipe.png (this is not a regular file), "
        "dog/huge.png (1,099,511,627,776 bytes are more than any picture can need)"
    )


def test_pictures_of_a_format_that_is_refused_are_counted(draw: Draw) -> None:
    folder = draw(cat=["good.png"], dog=["good.png"])
    (folder / "dog" / "telephone.DNG").write_bytes(b"II\xbc\1" + bytes(8))
    (folder / "dog" / "web.jxl").write_bytes(b"\xff\x0a" + bytes(8))
    assert bad_of(folder) == (
        "pets: 2 unreadable images: dog/telephone.DNG (unsupported_format), dog/web.jxl (unsupported_format)"
    )


def test_a_picture_that_would_take_too_much_memory_is_bad(draw: Draw) -> None:
    folder = draw(cat=["good.png"], dog=["good.png"])
    Image.new("L", (1, 200)).save(folder / "dog" / "long.png")
    dataset = load_folder(folder)
    steps = (ResizeSide("shorter", 256, "linear"), CentreCrop(28, 28), Scale(1 / 255))
    prepared = prepare(dataset, steps, folder.parent / "cache", lambda _: None)
    assert prepared.arrays.shape == (2, 28, 28, 3)
    assert describe_bad(dataset, prepared.bad) == "pets: 1 unreadable image: dog/long.png (too_many_pixels)"
