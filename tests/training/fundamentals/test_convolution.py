"""Convolution against OpenCV's, and the contact sheet as a file."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from edge.errors import UsageError
from tests.training.fundamentals.programs import run_module
from training.fundamentals.convolution import KERNELS, convolve, main, share_cut_off, to_levels

SIZES = [(40, 60), (61, 33), (5, 7), (1, 1), (1, 30)]


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width), dtype=np.uint8)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", KERNELS)
def test_sums_and_levels_are_those_of_opencv(name: str, size: tuple[int, int]) -> None:
    image, kernel = noise(*size), KERNELS[name]
    sums = convolve(image, kernel)
    expected = cv2.filter2D(image.astype(np.float64), cv2.CV_64F, kernel, borderType=cv2.BORDER_REPLICATE)
    # Sums of 441 terms up to 255, in another order or (large kernels) through a Fourier transform.
    np.testing.assert_allclose(sums, expected, rtol=0, atol=1e-9)
    levels = cv2.filter2D(image, cv2.CV_8U, kernel, borderType=cv2.BORDER_REPLICATE)
    # OpenCV sums bytes in float32, which moves a sum near a half to the other side.
    assert np.abs(to_levels(sums).astype(int) - levels).max() <= 1


def test_the_kernels_have_the_sizes_and_sums_of_what_they_are_for() -> None:
    shapes = {name: kernel.shape for name, kernel in KERNELS.items()}
    assert shapes == dict.fromkeys(KERNELS, (3, 3)) | {"small blur": (7, 7), "large blur": (21, 21)}
    totals = {name: kernel.sum() for name, kernel in KERNELS.items()}
    # What keeps a flat picture as it is sums to 1, what finds edges in it sums to 0.
    keeping = ("small blur", "large blur", "sharpen", "emboss")
    assert totals == pytest.approx({name: float(name in keeping) for name in KERNELS}, abs=1e-12)


def test_sobel_sees_one_direction_each() -> None:
    stripes = np.tile(np.array([0, 0, 200, 200], np.uint8), (4, 1))
    np.testing.assert_array_equal(convolve(stripes, KERNELS["Sobel x"])[0], [0, 800, 800, 0])
    assert not convolve(stripes, KERNELS["Sobel y"]).any()


def test_levels_are_cut_and_rounded() -> None:
    np.testing.assert_array_equal(to_levels(np.array([-3.0, 0.4, 0.6, 254.6, 300.0])), [0, 0, 1, 255, 255])


@pytest.mark.parametrize("level", [0, 255])
def test_a_blur_of_what_is_black_or_white_cuts_nothing_off(level: int) -> None:
    flat = np.full((30, 30), level, np.uint8)
    assert [share_cut_off(convolve(flat, KERNELS[name])) for name in ("small blur", "large blur")] == [0, 0]


def test_what_is_cut_off_is_what_rounding_leaves_outside() -> None:
    assert share_cut_off(np.array([-1.0, -0.6, -0.4, 255.4, 255.6])) == 3 / 5


@pytest.mark.parametrize("shape", [(2, 3), (3, 2), (3,)], ids=str)
def test_a_kernel_without_a_middle_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=r"a kernel must be \[odd, odd\]"):
        convolve(noise(5, 5), np.ones(shape))


@pytest.mark.slow
def test_the_command_shows_every_kernel(tmp_path: Path) -> None:
    done = run_module("convolution", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    *rows, written = done.stdout.splitlines()
    assert [row[:12].strip() for row in rows] == list(KERNELS)
    assert written == "contact sheet: convolution.png"
    with Image.open(tmp_path / "convolution.png") as sheet:
        assert (sheet.format, sheet.width) == ("PNG", 1540)
        # No tile is empty: in each of the two rows of four something is dark and something is light.
        levels = np.asarray(sheet.convert("L"))
    for row in np.array_split(levels, 2):
        for tile in np.array_split(row[60:-60], 4, axis=1):
            assert np.ptp(tile) > 200


@pytest.mark.parametrize(
    "size",
    [*(pytest.param(size, marks=pytest.mark.slow) for size in [(900, 1500), (2000, 700)]), (3, 1000), (1, 1)],
    ids=str,
)
def test_a_picture_of_any_size_is_shown(
    size: tuple[int, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(noise(*size)).save(tmp_path / "picture.png")
    assert main([str(tmp_path / "picture.png"), "--output", str(tmp_path / "sheet.png")]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(KERNELS) + 1
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width == 1540
        assert 300 < sheet.height < 1700


def test_what_is_no_picture_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "text.png"
    text.write_text("no picture")
    assert main([str(text), "--output", str(tmp_path / "sheet.png")]) == 2
    assert capsys.readouterr() == ("", f"eyespot: {text}: the content is not an image of a known format\n")
    assert main([str(tmp_path / "none.png")]) == 2
    assert capsys.readouterr().err.endswith("none.png: there is no such file\n")
    with pytest.raises(SystemExit, match="2"):
        main(["--output", "sheet.jpg"])
    assert "must end in .png or .svg. Received: sheet.jpg" in capsys.readouterr().err
