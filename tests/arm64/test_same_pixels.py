"""Decoding and preprocessing on the Pi and here: the same bits, because nothing in them depends on the processor."""

from pathlib import Path

import numpy as np
import pytest

from edge.steps import Fit, Grey, Method, Resize, ResizeSide, Scale, Standardise, Step
from export.preprocess import build_preprocessing
from tests.arm64 import pixels
from tests.arm64.device import Pi
from tests.arm64.root import OLDEST, PINNED
from tests.edge.pictures import encode, image, orientation_tag, whole_files

pytestmark = [pytest.mark.arm64, pytest.mark.slow]

ROUNDED: tuple[Method, ...] = ("area", "linear", "nearest", "antialias", "antialias-cubic")
FRACTIONAL: tuple[Method, ...] = ("tf", "tf-antialias")
GRAPHS: dict[str, tuple[Step, ...]] = {
    **{method: (Resize(28, 17, method), Grey(), Scale(1 / 255)) for method in ROUNDED},
    **{method: (Resize(28, 17, method), Scale(1 / 255)) for method in FRACTIONAL},
    "colour": (ResizeSide("shorter", 24, "area"), Standardise((123.7, 116.3, 103.5), (58.4, 57.1, 57.4))),
    "fit": (Fit(28, 28, "area", "replicate", 0), Scale(1 / 127.5)),
}


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("graphs")
    for name, steps in GRAPHS.items():
        (folder / f"{name}.onnx").write_bytes(build_preprocessing(steps).SerializeToString())
    return folder


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of every kind that is read, and larger ones: noise is what rounds both ways."""
    folder = tmp_path_factory.mktemp("files")
    for name, content in whole_files().items():
        (folder / name).write_bytes(content)
    (folder / "large-jpeg").write_bytes(encode(image(333, 517, 3), "JPEG", quality=80))
    (folder / "turned-jpeg").write_bytes(encode(image(70, 31, 3), "JPEG", exif=orientation_tag(7)))
    return folder


@pytest.mark.parametrize("packages", [PINNED, OLDEST])
def test_pixels_are_the_same_bits(pi: Pi, graphs: Path, files: Path, tmp_path: Path, packages: str) -> None:
    there = pi.python(pixels.__file__, graphs, files, tmp_path / "there.npz", packages=packages)
    assert there.returncode == 0, there.stderr
    here, found = pixels.pixels_of(graphs, files), np.load(tmp_path / "there.npz")
    assert set(found) == set(here)
    assert len(here) == len(whole_files() | {"large-jpeg": b"", "turned-jpeg": b""}) * (1 + len(GRAPHS))
    for name, expected in here.items():
        if name.split()[0] in FRACTIONAL:
            # TensorFlow's resize keeps fractions of a level, and float32 sums them in another order: 1e-6 of 1.
            np.testing.assert_allclose(found[name], expected, rtol=0, atol=1e-6, err_msg=name)
        else:
            np.testing.assert_array_equal(found[name], expected, err_msg=name)
            assert found[name].dtype == expected.dtype
