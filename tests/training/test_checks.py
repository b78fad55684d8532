"""Every finding on a case that is made for it, and none on a healthy one."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export.quiet_tensorflow import start_tensorflow

start_tensorflow()
from edge.steps import Resize, Scale
from training.checks import check_data, check_result
from training.data.load import load_dataset
from training.data.prepare import prepare
from training.data.split import split_dataset
from training.data.store import Store
from training.report.evaluation import evaluate

COUNT = 24


def write(path: Path, seed: int, size: tuple[int, int], camera: str = "") -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    exif = Image.Exif()
    if camera:
        exif[272] = camera
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=90, exif=exif)


def healthy(folder: Path) -> Path:
    """Two classes of pictures of two sizes and two cameras."""
    for i in range(2 * COUNT):
        write(folder / "cd"[i % 2] / f"{i}.jpg", i, (10 + i // 2 % 2, 12), f"M{i // 4 % 2}")
    return folder


def codes(folder: Path, balanced: bool = False) -> set[str]:
    with Store(folder.parent / "cache") as store:
        pictures = prepare(load_dataset(str(folder)), (Resize(8, 8, "antialias"), Scale(1 / 255)), store)
    split = split_dataset(pictures.dataset, pictures.hashes, 1, 0, 0)
    return {found.code for found in check_data(pictures, split, balanced)}


def few(folder: Path) -> None:
    for path in sorted((folder / "c").iterdir())[9:]:
        path.unlink()


def copies(folder: Path) -> None:
    for path in list((folder / "c").iterdir()):
        for i in range(2):
            (folder / "c" / f"copy{i}-{path.name}").write_bytes(path.read_bytes())


def contradicting(folder: Path) -> None:
    (folder / "c" / "same.jpg").write_bytes((folder / "d" / "1.jpg").read_bytes())


def one_size(folder: Path) -> None:
    for i in range(COUNT):
        write(folder / "c" / f"{2 * i}.jpg", i, (30, 20), f"M{i % 2}")


def one_camera(folder: Path) -> None:
    for i in range(COUNT):
        write(folder / "c" / f"{2 * i}.jpg", i, (10 + i % 2, 12), "another")


def overlapping(folder: Path) -> None:
    for part in ("train", "test"):
        for i in range(COUNT):
            write(folder / part / "cd"[i % 2] / f"{i}.jpg", 1000 + i, (10 + i // 2 % 2, 12), f"M{i // 4 % 2}")
    for label in "cd":
        for path in (folder / label).iterdir():
            path.rename(folder / "train" / label / f"more-{path.name}")
        (folder / label).rmdir()


def missing(folder: Path) -> None:
    """All of c and some of d in the training part, others of d in the test part."""
    for label, count in (("c", COUNT), ("d", COUNT // 2)):
        for i, path in enumerate(sorted((folder / label).iterdir())):
            target = folder / ("train" if i < count else "test") / label / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
        (folder / label).rmdir()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda _: None, set()),
        (few, {"few_images", "unbalanced"}),
        (copies, {"duplicates", "unbalanced"}),
        (contradicting, {"contradicting_labels"}),
        (one_size, {"one_size"}),
        (one_camera, {"one_camera"}),
        (overlapping, {"overlapping_parts"}),
        (missing, {"missing_class"}),
    ],
    ids=["healthy", "few", "duplicates", "contradicting", "size", "camera", "parts", "missing"],
)
def test_what_is_suspicious_about_pictures(tmp_path: Path, change: object, expected: set[str]) -> None:
    folder = healthy(tmp_path / "pets")
    change(folder)  # type: ignore[operator]
    assert codes(folder) == expected
    assert codes(folder, balanced=True) == expected - {"unbalanced"}


TARGETS = np.array([0] * 40 + [1] * 40 + [2] * 20)


def result(predicted: np.ndarray, temperature: float = 1.2) -> set[str]:
    probabilities = np.eye(3, dtype=np.float32)[predicted]
    report, _ = evaluate(("x",) * 100, TARGETS, ("a", "b", "c"), probabilities, None)
    return {found.code for found in check_result(report, temperature)}


def test_what_makes_a_result_doubtful() -> None:
    assert result(TARGETS) == set()
    assert result(np.zeros(100, int)) == {"no_better_than_guessing", "never_predicted"}
    assert result(np.random.default_rng(1).permutation(TARGETS)) == {"no_better_than_guessing"}
    assert result(np.minimum(TARGETS, 1)) == {"never_predicted"}
    assert result(TARGETS, 19.99) == result(TARGETS, 0.0501) == {"not_calibrated"}
