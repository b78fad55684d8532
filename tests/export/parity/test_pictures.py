"""Pictures to compare on: a folder's as they are, made ones the same on every call, each with an honest digest."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.errors import UsageError
from export.parity.pictures import folder_pictures, made_pictures


def write(path: Path, level: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (5, 4), (level, 0, 255 - level)).save(path)
    return path


def test_made_pictures_are_the_same_on_every_call() -> None:
    first, second = made_pictures.__wrapped__(), made_pictures.__wrapped__()  # past the cache
    assert first.digest == second.digest
    pairs = list(zip(first.read(), second.read(), strict=True))
    assert all(a[0] == b[0] and np.array_equal(a[1], b[1]) for a, b in pairs)
    digest = hashlib.sha256()
    for (name, pixels), _ in pairs:
        digest.update(name.encode() + b"\0" + pixels.tobytes())
    assert (first.origin, first.digest) == ("made", digest.hexdigest())


def test_made_pictures_are_of_many_kinds() -> None:
    found = dict(made_pictures().read())
    assert len({pixels.shape for pixels in found.values()}) == 6
    assert all(pixels.dtype == np.uint8 and pixels.shape[2] == 3 for pixels in found.values())
    photograph = found["mixture 0 480x640"].astype(np.float64)
    assert photograph.std() > 20
    assert photograph.min() < 40
    assert photograph.max() > 215


def test_mixtures_have_the_spectrum_of_photographs() -> None:
    """The power of natural images falls with about the square of the frequency (D. Field, 1987); noise is flat."""

    def slope(pixels: np.ndarray) -> float:
        grey = pixels.mean(axis=2)
        power = np.abs(np.fft.fft2(grey - grey.mean())) ** 2
        y, x = np.fft.fftfreq(grey.shape[0])[:, None], np.fft.fftfreq(grey.shape[1])[None, :]
        frequency = np.hypot(y, x).ravel()
        used = (frequency > 0.01) & (frequency < 0.4)
        return float(np.polyfit(np.log(frequency[used]), np.log(power.ravel()[used] + 1e-9), 1)[0])

    found = dict(made_pictures().read())
    assert -3.5 < slope(found["mixture 1 480x640"]) < -1.5
    assert abs(slope(found["noise 480x640"])) < 0.2


def test_a_gradient_is_straight_between_its_corners() -> None:
    pixels = dict(made_pictures().read())["gradient 32x32"].astype(np.float64)
    expected = np.linspace(pixels[0, 0], pixels[0, -1], 32)
    # The corners and what lies between them are each rounded to a level.
    assert np.abs(pixels[0] - expected).max() <= 1


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    paths = [write(tmp_path / "b" / "y.png", 7), write(tmp_path / "a.png", 200)]
    (tmp_path / "notes.txt").write_text("no picture")
    pictures = folder_pictures(tmp_path)
    assert [(name, int(pixels[0, 0, 0])) for name, pixels in pictures.read()] == [("a.png", 200), ("b/y.png", 7)]
    digest = hashlib.sha256()
    for name, path in (("a.png", paths[1]), ("b/y.png", paths[0])):
        digest.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    assert (pictures.origin, pictures.digest) == ("folder", digest.hexdigest())


def test_a_large_folder_is_thinned_evenly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("export.parity.pictures.EVALUATION_IMAGES", 4)
    for i in range(10):
        write(tmp_path / f"{i}.png", i)
    assert [name for name, _ in folder_pictures(tmp_path).read()] == ["0.png", "3.png", "6.png", "9.png"]


def test_a_folder_without_pictures_and_a_broken_one_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is none in it"):
        folder_pictures(tmp_path)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    with pytest.raises(UsageError, match=r"broken\.png: this picture cannot be read"):
        list(folder_pictures(tmp_path).read())


def test_folders_that_are_called_as_labels_are_say_what_is_shown(tmp_path: Path) -> None:
    for i in range(10):
        write(tmp_path / ("cat" if i % 2 else "dog") / f"{i}.png", i)
    pictures = folder_pictures(tmp_path, ("cat", "dog", "owl"))
    calibration, judged = list(pictures.calibration()), list(pictures.judged())
    assert pictures.is_labelled
    assert {example.name for example in calibration} & {example.name for example in judged} == set()
    assert (len(calibration), len(judged)) == (2, 8)
    assert all(example.name.startswith(f"{example.label}/") for example in (*calibration, *judged))
    write(tmp_path / "else" / "x.png", 3)
    with pytest.raises(UsageError, match="'else'"):
        folder_pictures(tmp_path, ("cat", "dog", "owl"))
    assert not folder_pictures(tmp_path, ("one", "two")).is_labelled
