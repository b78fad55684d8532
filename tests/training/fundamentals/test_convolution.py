"""Convolution against OpenCV's, and the contact sheet as a file."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from edge.errors import UsageError
from training.fundamentals.convolution import KERNELS, convolve, main

NOISE = np.random.default_rng(0).integers(0, 256, (61, 33), dtype=np.uint8)


@pytest.mark.parametrize("name", KERNELS)
def test_sums_are_those_of_opencv(name: str) -> None:
    for image in (NOISE, NOISE[:5, :7], NOISE[:1, :1]):
        expected = cv2.filter2D(image.astype(float), cv2.CV_64F, KERNELS[name], borderType=cv2.BORDER_REPLICATE)
        # Sums of 441 terms up to 255, in another order or (large kernels) through a Fourier transform.
        np.testing.assert_allclose(convolve(image, KERNELS[name]), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("shape", [(2, 3), (3,)], ids=str)
def test_a_kernel_without_a_middle_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError):
        convolve(NOISE, np.ones(shape))


@pytest.mark.parametrize("size", [None, (3, 1000), (700, 20)], ids=str)
def test_a_picture_of_any_size_is_shown(size: tuple[int, int] | None, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    if size:
        Image.fromarray(np.resize(NOISE, size)).save(path)
    assert main([*([str(path)] if size else []), "--output", str(tmp_path / "new" / "sheet.png")]) == 0
    with Image.open(tmp_path / "new" / "sheet.png") as sheet:
        levels = np.asarray(sheet.convert("L"))
    tiles = [tile for row in np.array_split(levels, 2) for tile in np.array_split(row, 4, axis=1)]
    assert all(np.ptp(tile) > 100 for tile in tiles)  # none is empty


def test_what_is_no_picture_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.png"), "--output", str(tmp_path / "sheet.png")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
