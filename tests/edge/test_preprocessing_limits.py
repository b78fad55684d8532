"""The memory that preprocessing is said to take, against the graph itself and what onnxruntime takes for it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge.artifact import INPUT_NAME, SEAM_NAME
from edge.classifier import Classifier
from edge.decode import MAX_PIXELS
from edge.errors import ImageError
from edge.preprocessing_limits import _after, _Picture, is_ordinary, preparation_bytes, require_preparable
from edge.runtime import create_session
from edge.sessions import Whole
from edge.spec import Glyphs
from edge.steps import CentreCrop, Fit, Grey, Method, Pad, Resize, ResizeSide, Scale, Step
from export.preprocess import build_preprocessing
from tests.edge.artifacts import restamped, written
from tests.edge.pictures import png

METHODS: tuple[Method, ...] = (
    "area",
    "linear",
    "nearest",
    "antialias",
    "antialias-cubic",
    "tf",
    "tf-antialias",
)
NORMAL = (Scale(1 / 255),)

CHAINS: list[tuple[Step, ...]] = [
    (ResizeSide("shorter", 16, "area"),),
    (ResizeSide("longer", 16, "antialias"), Pad(1, 2, 3, 4, "constant", 0)),
    (ResizeSide("shorter", 20, "nearest"), CentreCrop(18, 24), *NORMAL),
    (Fit(12, 30, "linear", "replicate", 0), Grey()),
    (Pad(0, 0, 5, 5, "replicate", 0), Grey(), ResizeSide("longer", 9, "linear")),
]


@pytest.mark.parametrize("steps", CHAINS, ids=lambda steps: "-".join(step.kind for step in steps))
def test_sizes_are_those_that_the_graph_makes(steps: tuple[Step, ...]) -> None:
    session = create_session(build_preprocessing(steps).SerializeToString(), "preprocessing", threads=1)
    chance = np.random.default_rng(0)
    for height, width in [(1, 1), (1, 50), (50, 1), *chance.integers(1, 60, (20, 2)).tolist()]:
        picture = _Picture(height, width)
        for step in steps:
            picture, _ = _after(step, picture)
        (made,) = session.run([SEAM_NAME], {INPUT_NAME: np.zeros((1, height, width, 3), np.uint8)})
        assert (1, picture.height, picture.width, picture.channels) == made.shape


# Prints how many bytes the most memory of this process rises by while the model at sys.argv[1] prepares a picture.
MEASURE = """
import re, sys
import numpy as np
from edge.artifact import INPUT_NAME, SEAM_NAME
from edge.runtime import create_session
from pathlib import Path

def peak_bytes():
    return int(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1]) * 1024

session = create_session(Path(sys.argv[1]), "preprocessing", threads=1)
session.run([SEAM_NAME], {INPUT_NAME: np.zeros((1, 8, 8, 3), np.uint8)})
picture = np.ones((1, int(sys.argv[2]), int(sys.argv[3]), 3), np.uint8)
before = peak_bytes()
session.run([SEAM_NAME], {INPUT_NAME: picture})
print(peak_bytes() - before)
"""

# Narrow ones and wide ones, up and down, that take 40 to 150 MB.
MEASURED: dict[str, tuple[Step, int, int]] = {
    "linear": (Resize(224, 224, "linear"), 1, 40_000),
    "nearest": (Resize(224, 224, "nearest"), 1, 60_000),
    "antialias": (Resize(224, 224, "antialias"), 120_000, 1),
    "tf": (Resize(224, 224, "tf"), 2_000, 3_000),
    "tf-antialias": (Resize(224, 224, "tf-antialias"), 30_000, 1),
    "area": (Resize(224, 224, "area"), 2_000, 3_000),
    "area-grows": (Resize(224, 224, "area"), 1, 40_000),
    "linear-side": (ResizeSide("shorter", 64, "linear"), 1, 250),
    "nearest-side": (ResizeSide("shorter", 64, "nearest"), 1, 1_000),
    "antialias-side": (ResizeSide("shorter", 64, "antialias"), 1, 1_500),
    "tf-side": (ResizeSide("shorter", 64, "tf"), 1_500, 1),
    "crop": (CentreCrop(224, 224), 1, 120_000),
    "pad": (Pad(500, 500, 0, 0, "constant", 0), 1, 6_000),
}


@pytest.mark.parametrize("kind", [pytest.param(k, marks=pytest.mark.slow if i else []) for i, k in enumerate(MEASURED)])
def test_what_is_said_to_be_taken_is_what_onnxruntime_takes(kind: str, tmp_path: Path) -> None:
    step, height, width = MEASURED[kind]
    path = written(tmp_path / "p.onnx", build_preprocessing([step]).SerializeToString())
    asked = [sys.executable, "-c", MEASURE, str(path), str(height), str(width)]
    taken = int(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)
    said = preparation_bytes((step,), height, width)
    assert taken == pytest.approx(said, rel=0.2)  # the runtime may give one of the last tensors the place of another


# What the book and the field do, with every method where one may be chosen.
ORDINARY: list[tuple[Step, ...]] = [
    *((Resize(side, side, method), *NORMAL) for side in (28, 224, 640, 1024, 4096) for method in METHODS),
    *((ResizeSide("shorter", 256, method), CentreCrop(224, 224), *NORMAL) for method in METHODS),
    *((ResizeSide("longer", 640, method), CentreCrop(640, 640), *NORMAL) for method in METHODS),
    *((Fit(224, 224, method, "constant", 0), *NORMAL) for method in METHODS if not method.startswith("tf")),
    (Grey(), Resize(28, 28, "area"), *NORMAL),
    (Scale(1 / 255), Resize(224, 224, "tf")),
    (CentreCrop(224, 224), *NORMAL),
    (Pad(20, 20, 20, 20, "replicate", 0), Resize(224, 224, "linear"), *NORMAL),
]


def is_refused(steps: tuple[Step, ...], shape: tuple[int, ...], **limit: int) -> bool:
    try:
        require_preparable(steps, shape, **limit)
    except ImageError:
        return True
    return False


@pytest.mark.parametrize(
    "size", [(6000, 8192), (8192, 6000), (7071, 7071), (4080, 12240), (480, 640), (20, 200)], ids=str
)
def test_no_photograph_is_refused(size: tuple[int, int]) -> None:
    assert not any(is_refused(steps, size) for steps in ORDINARY)
    assert not any(is_refused(steps, size, max_pixels=1) for steps in ORDINARY)  # it is the decoder that refuses these


def test_a_larger_photograph_whose_decoding_was_allowed_is_not_refused() -> None:
    assert not any(is_refused(steps, (16_000, 12_000, 3)) for steps in ORDINARY)


# The limit is 18 bytes for each of 50 megapixels, 900 MB; each takes more by one of the tensors on the way.
REFUSED: dict[str, tuple[tuple[Step, ...], tuple[int, int]]] = {
    "result": ((ResizeSide("shorter", 256, "linear"), CentreCrop(224, 224)), (1, 65_535)),
    "result of antialias": ((ResizeSide("shorter", 256, "antialias"), CentreCrop(224, 224)), (1, 200_000)),
    "upright result": ((ResizeSide("shorter", 256, "nearest"), CentreCrop(224, 224)), (10_000, 1)),
    "lines": ((Resize(224, 224, "linear"),), (1, 1_000_000)),
    "lines of area, which grows": ((Resize(224, 224, "area"),), (1, 1_000_000)),
    "columns": ((Resize(224, 224, "antialias"),), (2_000_000, 1)),
    "columns of tf": ((Resize(224, 224, "tf-antialias"),), (1_000_000, 1)),
    "border": ((CentreCrop(224, 224),), (1, 2_000_000)),
    "padding": ((Pad(1000, 1000, 0, 0, "constant", 0), Resize(8, 8, "nearest")), (1, 100_000)),
    "a later step": ((Grey(), ResizeSide("shorter", 256, "linear")), (1, 65_535)),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_would_take_too_much_is_refused(kind: str) -> None:
    steps, (height, width) = REFUSED[kind]
    with pytest.raises(ImageError, match=rf"^{width} x {height} pixels would take .* MB; crop the picture$") as caught:
        require_preparable(steps, (height, width))
    assert caught.value.code == "too_many_pixels"


def test_the_limit_grows_with_that_of_pixels() -> None:
    steps, size = (Resize(224, 224, "linear"),), (1, 400_000)
    # Two lines for each of 224, three bytes a pixel, upright and on their side; and the result.
    assert preparation_bytes(steps, *size) == 2 * 224 * 400_000 * 3 * 2 + 224 * 224 * 102
    with pytest.raises(
        ImageError, match="would take 1,080 MB while they are prepared for the model; the limit is 900 MB"
    ):
        require_preparable(steps, size)
    require_preparable(steps, size, max_pixels=MAX_PIXELS * 5 // 4)


def test_a_small_picture_that_becomes_a_large_one_is_not_ordinary() -> None:
    steps = (ResizeSide("shorter", 256, "linear"), CentreCrop(224, 224))
    assert is_ordinary(steps, 480, 640, 640 * 480)
    assert is_ordinary(steps, 10, 12, 640 * 480)
    assert not is_ordinary(steps, 1, 100, 640 * 480)
    assert is_ordinary((Resize(28, 28, "area"),), 1, 100, 640 * 480)


@pytest.fixture
def narrow_minded(tiny_model: Path, tiny_content: bytes) -> Path:
    """A model that says of itself that it makes the shorter side 256 pixels long."""
    return written(tiny_model, restamped(tiny_content, preprocessing=(ResizeSide("shorter", 256, "linear"),)))


def test_a_classifier_refuses_before_it_prepares(narrow_minded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    classifier = Classifier.load(narrow_minded)
    assert len(classifier.classify(np.zeros((10, 20, 3), np.uint8)).predictions) == 3
    monkeypatch.setattr(Whole, "prepare", None)
    monkeypatch.setattr(Whole, "run", None)
    long = np.zeros((1, 20_000, 3), np.uint8)
    for refused in (classifier.classify, classifier.begin, lambda pixels: classifier.predict(pixels, None)):
        with pytest.raises(ImageError, match="20000 x 1 pixels would take"):
            refused(long)
    (answer,) = classifier.classify_many([png(long)])
    assert isinstance(answer, ImageError)


def test_each_region_is_looked_at_by_itself(narrow_minded: Path) -> None:
    classifier = Classifier.load(narrow_minded, regions=Glyphs(2))
    picture = np.full((40, 9_000, 3), 255, np.uint8)
    picture[10:30, 10:30] = picture[10:30, 60:80] = 0
    assert len(classifier.classify(picture).regions or ()) == 2  # the whole picture would be too long
    picture[10:30, 60:8_900] = 0
    with pytest.raises(ImageError, match="8850 x 30 pixels would take"):
        classifier.classify(picture)
