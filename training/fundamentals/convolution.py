"""Convolution: every pixel becomes a weighted sum of its neighbourhood; the weights decide what is seen.

Command:   python -m training.fundamentals.convolution [PICTURE] --output convolution.png
Data:      a picture of yours, or the temple that ships with scikit-learn
Source:    Deep Learning for Computer Vision with Python, Starter Bundle, chapter 11
Expected:  a contact sheet: two blurs, one sharper, the edges that each kernel finds, and a relief
Time here: 3 seconds
"""

import argparse
import sys
import time
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from edge.arguments import picture_path
from edge.cli import DONE
from edge.errors import ImageError, UsageError
from edge.image import decode_image, read_image
from training.fundamentals.command import command_parser, run_command
from training.plots import DPI, save_figure

WHITE = 255

# The largest takes 441 multiplications for each pixel; pictures with a longer side are shrunk first.
LONGEST_SIDE_PX = 640

TILE_WIDTH_INCHES = 3.5
TITLE_INCHES = 0.4


def _blur(side: int) -> NDArray[np.float64]:
    return np.full((side, side), side**-2.0)


SOBEL_X = np.array([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])

KERNELS: dict[str, NDArray[np.float64]] = {
    "small blur": _blur(7),
    "large blur": _blur(21),
    "sharpen": np.array([[0.0, -1.0, 0.0], [-1.0, 5.0, -1.0], [0.0, -1.0, 0.0]]),
    "Laplacian": np.array([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]]),
    "Sobel x": SOBEL_X,
    "Sobel y": SOBEL_X.T,
    "emboss": np.array([[-2.0, -1.0, 0.0], [-1.0, 1.0, 1.0], [0.0, 1.0, 2.0]]),
}


def convolve(image: NDArray[np.uint8], kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each pixel of `image` [H, W] the sum of its neighbourhood, weighted by `kernel`, [H, W].

    The kernel [odd, odd] is laid on as it stands, not turned around: to mathematics this is cross-correlation,
    to every deep learning library it is convolution. Beyond the border the nearest pixel counts. Raises
    UsageError for a kernel without a middle.
    """
    if kernel.ndim != 2 or not all(side % 2 for side in kernel.shape):
        raise UsageError(f"a kernel must be [odd, odd], so that it has a middle. Received: {kernel.shape}")
    padded = np.pad(image.astype(np.float64), [(side // 2, side // 2) for side in kernel.shape], mode="edge")
    sums: NDArray[np.float64] = np.einsum("yxij,ij->yx", sliding_window_view(padded, kernel.shape), kernel)
    return sums


def to_levels(sums: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return sums as uint8, rounded; what is below 0 becomes black and what is above 255 white."""
    return np.rint(np.clip(sums, 0, WHITE)).astype(np.uint8)


def share_cut_off(sums: NDArray[np.float64]) -> float:
    """Return the share, 0 to 1, of sums that `to_levels` cuts."""
    levels = np.rint(sums)  # before that a blur of white is a little more than white: its weights are no binary numbers
    return float(((levels < 0) | (levels > WHITE)).mean())


def main(argv: Sequence[str] | None = None) -> int:
    """Apply every kernel to one picture and write the contact sheet."""
    parser = command_parser("convolution", __doc__)
    parser.add_argument("picture", metavar="PICTURE", nargs="?", help="an image file (default: a temple)")
    parser.add_argument(
        "--output", type=picture_path, default="convolution.png", metavar="FILE", help="(default convolution.png)"
    )
    return run_command(parser, argv, _show)


def _show(arguments: argparse.Namespace) -> int:
    grey = _read_grey(arguments.picture)
    tiles = {f"grey, {grey.shape[0]} x {grey.shape[1]}": grey}
    for name, kernel in KERNELS.items():
        started = time.perf_counter()
        sums = convolve(grey, kernel)
        took_ms = (time.perf_counter() - started) * 1000
        cut = share_cut_off(sums)
        size = f"{kernel.shape[0]} x {kernel.shape[1]}"
        print(f"{name:<12}{size:<9}sums {sums.min():6.0f} to {sums.max():5.0f}, {cut:6.1%} cut off, {took_ms:4.0f} ms")
        tiles[f"{name}, {size}"] = to_levels(sums)
    _write_contact_sheet(tiles, arguments.output)
    print(f"contact sheet: {arguments.output}")
    return DONE


def _read_grey(path: str | None) -> NDArray[np.uint8]:
    """Return a picture as grey levels [H, W], shrunk to `LONGEST_SIDE_PX` where it is larger."""
    grey = cv2.cvtColor(_read_picture(path), cv2.COLOR_RGB2GRAY)
    scale = LONGEST_SIDE_PX / max(grey.shape)
    if scale < 1:
        size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return np.asarray(grey, np.uint8)


def _read_picture(path: str | None) -> NDArray[np.uint8]:
    if path is None:
        return decode_image((files("sklearn.datasets.images") / "china.jpg").read_bytes()).pixels
    try:
        return read_image(path).pixels
    except ImageError as error:
        raise UsageError(f"{path}: {error}") from None


def _write_contact_sheet(tiles: dict[str, NDArray[np.uint8]], path: Path) -> None:
    """Write all tiles, the picture and its seven changes, in two rows, each with its title."""
    height, width = next(iter(tiles.values())).shape
    # A strip would be a sheet that nobody can open, or one without room for the titles.
    tile_height = TILE_WIDTH_INCHES * min(max(height / width, 0.3), 2)
    figure = Figure(figsize=(4 * TILE_WIDTH_INCHES, 2 * (tile_height + TITLE_INCHES)), dpi=DPI, layout="constrained")
    for axes, (title, levels) in zip(figure.subplots(2, 4).flat, tiles.items(), strict=True):
        axes.imshow(levels, cmap="gray", vmin=0, vmax=WHITE)
        axes.set_title(title)
        axes.set_axis_off()
    save_figure(figure, path)


if __name__ == "__main__":
    sys.exit(main())
