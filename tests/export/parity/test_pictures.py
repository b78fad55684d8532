"""Pictures to compare on: a folder's as they are, made ones the same on every call, each with an honest digest."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.errors import UsageError
from export.parity.pictures import MOST_COMPARED, find_pictures, made_pictures, run_pictures
from export.run_folder import LabelledImage, RunFolder, write_evaluation_images


def write(path: Path, level: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (5, 4), (level % 256, 0, 255 - level % 256)).save(path)
    return path


def test_made_pictures_are_the_same_on_every_call() -> None:
    first, second = made_pictures.__wrapped__(), made_pictures.__wrapped__()  # past the cache
    assert first.digest == second.digest
    examples = list(first.read("compare"))
    assert all(
        a.name == b.name and np.array_equal(a.pixels, b.pixels)
        for a, b in zip(examples, second.read("compare"), strict=True)
    )
    digest = hashlib.sha256()
    for example in examples:
        digest.update(example.name.encode() + b"\0" + example.pixels.tobytes())
    assert (first.origin, first.digest) == ("made", digest.hexdigest())
    assert len({example.pixels.shape for example in examples}) == 6
    assert all(example.pixels.dtype == np.uint8 and example.pixels.shape[2] == 3 for example in examples)


def test_smooth_pictures_have_the_spectrum_of_photographs() -> None:
    """The power of natural images falls with about the square of the frequency (D. Field, 1987); noise is flat."""

    def slope(pixels: np.ndarray) -> float:
        grey = pixels.mean(axis=2)
        power = np.abs(np.fft.fft2(grey - grey.mean())) ** 2
        y, x = np.fft.fftfreq(grey.shape[0])[:, None], np.fft.fftfreq(grey.shape[1])[None, :]
        frequency = np.hypot(y, x).ravel()
        used = (frequency > 0.005) & (frequency < 0.05)
        return float(np.polyfit(np.log(frequency[used]), np.log(power.ravel()[used] + 1e-9), 1)[0])

    found = {example.name: example.pixels for example in made_pictures().read("compare")}
    assert -4 < slope(found["smooth 1 480x640"]) < -1.5
    assert abs(slope(found["noise 480x640"])) < 0.5
    assert (found["smooth 1 480x640"].min(), found["smooth 1 480x640"].max()) == (0, 255)


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    paths = [write(tmp_path / "b" / "y.png", 7), write(tmp_path / "a.png", 200)]
    (tmp_path / "notes.txt").write_text("no picture")
    pictures = find_pictures(tmp_path, ())
    found = [(example.name, int(example.pixels[0, 0, 0])) for example in pictures.read("compare")]
    assert found == [("a.png", 200), ("b/y.png", 7)]
    digest = hashlib.sha256()
    for name, path in (("a.png", paths[1]), ("b/y.png", paths[0])):
        digest.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    assert (pictures.origin, pictures.digest) == ("folder", digest.hexdigest())


@pytest.mark.parametrize("of_run", [False, True])
def test_of_many_pictures_some_are_compared_evenly_and_all_judge(tmp_path: Path, of_run: bool) -> None:
    paths = [write(tmp_path / "photos" / "cat" / f"{i:03}.png", i) for i in range(MOST_COMPARED + 50)]
    pictures = find_pictures(tmp_path / "photos", ("cat", "dog"))
    if of_run:
        run = RunFolder(tmp_path)
        write_evaluation_images(
            run.evaluation_images, [LabelledImage(path.name, "cat", path.read_bytes()) for path in paths]
        )
        pictures = run_pictures(run)
    compared = [Path(example.name).name for example in pictures.read("compare")]
    assert compared == [path.name for path in paths[::2]]
    assert {example.label for example in pictures.read("evaluate")} == {"cat"}
    assert len(list(pictures.read("evaluate"))) == (len(paths) if of_run else len(paths) * 4 // 5)


def test_a_folder_without_pictures_and_a_broken_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        find_pictures(tmp_path, ())
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    with pytest.raises(UsageError, match=r"broken\.png"):
        list(find_pictures(tmp_path, ()).read("compare"))


def test_folders_that_are_called_as_labels_say_what_is_shown(tmp_path: Path) -> None:
    for i in range(10):
        write(tmp_path / ("cat" if i % 2 else "dog") / f"{i}.png", i)
    pictures = find_pictures(tmp_path, ("cat", "dog", "owl"))
    calibration, judged = list(pictures.read("calibrate")), list(pictures.read("evaluate"))
    assert pictures.is_labelled
    assert {example.name for example in calibration} & {example.name for example in judged} == set()
    assert (len(calibration), len(judged)) == (2, 8)
    assert all(example.name.startswith(f"{example.label}/") for example in (*calibration, *judged))
    write(tmp_path / "else" / "x.png", 3)
    with pytest.raises(UsageError, match="'else'"):
        find_pictures(tmp_path, ("cat", "dog", "owl"))
    assert not find_pictures(tmp_path, ("one", "two")).is_labelled
