"""Convolution against OpenCV's, and the contact sheet as a file."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from edge.errors import UsageError
from training.fundamentals.convolution import KERNELS, convolve, main


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width), dtype=np.uint8)


@pytest.mark.parametrize("size", [(40, 60), (61, 33), (5, 7), (1, 1)], ids=str)
@pytest.mark.parametrize("name", KERNELS)
def test_sums_are_those_of_opencv(name: str, size: tuple[int, int]) -> None:
    expected = cv2.filter2D(noise(*size).astype(float), cv2.CV_64F, KERNELS[name], borderType=cv2.BORDER_REPLICATE)
    # Sums of 441 terms up to 255, in another order or (large kernels) through a Fourier transform.
    np.testing.assert_allclose(convolve(noise(*size), KERNELS[name]), expected, rtol=0, atol=1e-9)


def test_a_flat_picture_stays_or_has_no_edges() -> None:
    flat = np.full((30, 30), 200, np.uint8)
    for name, kernel in KERNELS.items():
        expected = 200 if name in ("small blur", "large blur", "sharpen", "emboss") else 0
        np.testing.assert_allclose(convolve(flat, kernel), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("shape", [(2, 3), (3, 2), (3,)], ids=str)
def test_a_kernel_without_a_middle_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError):
        convolve(noise(5, 5), np.ones(shape))


@pytest.mark.parametrize("size", [None, (3, 1000), (700, 20)], ids=str)
def test_a_picture_of_any_size_is_shown(
    size: tuple[int, int] | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "picture.png"
    if size:
        Image.fromarray(noise(*size)).save(path)
    assert main([*([str(path)] if size else []), "--output", str(tmp_path / "new" / "sheet.png")]) == 0
    assert [row[:12].strip() for row in capsys.readouterr().out.splitlines()][:-1] == list(KERNELS)
    with Image.open(tmp_path / "new" / "sheet.png") as sheet:
        levels = np.asarray(sheet.convert("L"))
    for row in np.array_split(levels, 2):
        for tile in np.array_split(row, 4, axis=1):
            assert np.ptp(tile) > 100  # no tile is empty


def test_what_is_no_picture_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.png").write_text("no picture")
    for name in ("text.png", "none.png"):
        assert main([str(tmp_path / name), "--output", str(tmp_path / "sheet.png")]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "sheet.png").exists()
