"""Convolution: every pixel becomes a weighted sum of its neighbourhood; the weights decide what is seen.

Command:   python -m training.fundamentals.convolution [PICTURE] --output convolution.png
Source:    Starter Bundle, chapter 11
Expected:  a contact sheet: two blurs, one sharper, the edges that each kernel finds, and a relief
"""

import sys
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

from edge.arguments import DONE, Parser, as_command
from edge.errors import UsageError
from edge.image import read_image
from training.arguments import picture_path
from training.report.plots import save_figure

LONGEST_SIDE_PX = 640  # larger pictures are shrunk: the largest kernel takes 441 multiplications for each pixel
SOBEL_X = np.array([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
KERNELS: dict[str, NDArray[np.float64]] = {
    "small blur": np.full((7, 7), 1 / 49),
    "large blur": np.full((21, 21), 1 / 441),
    "sharpen": np.array([[0.0, -1.0, 0.0], [-1.0, 5.0, -1.0], [0.0, -1.0, 0.0]]),
    "Laplacian": np.array([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]]),
    "Sobel x": SOBEL_X,
    "Sobel y": SOBEL_X.T,
    "emboss": np.array([[-2.0, -1.0, 0.0], [-1.0, 1.0, 1.0], [0.0, 1.0, 2.0]]),
}


def convolve(image: NDArray[np.uint8], kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each pixel of `image` [H, W] the sum of its neighbourhood, weighted by `kernel`, [H, W].

    The kernel [odd, odd] is not turned around: mathematics calls this cross-correlation, deep learning convolution.
    Beyond the border the nearest pixel counts. Raises UsageError for a kernel without a middle.
    """
    if kernel.ndim != 2 or not all(side % 2 for side in kernel.shape):
        raise UsageError(f"a kernel must be [odd, odd], so that it has a middle. Received: {kernel.shape}")
    padded = np.pad(image.astype(np.float64), [(side // 2, side // 2) for side in kernel.shape], mode="edge")
    return np.asarray(np.einsum("yxij,ij->yx", sliding_window_view(padded, kernel.shape), kernel))


def main(argv: Sequence[str] | None = None) -> int:
    """Apply every kernel to one picture and write the contact sheet."""
    parser = Parser("python -m training.fundamentals.convolution", __doc__)
    parser.add_argument("picture", metavar="PICTURE", nargs="?", help="(default: a temple)")
    parser.add_argument("--output", type=picture_path, default="convolution.png", metavar="FILE", help="a .png or .svg")
    return as_command(lambda: _show(**vars(parser.parse(sys.argv[1:] if argv is None else argv))))


def _show(picture: str | None, output: Path) -> int:
    image = Image.fromarray(read_image(picture or str(files("sklearn.datasets.images") / "china.jpg")).pixels)
    image.thumbnail((LONGEST_SIDE_PX, LONGEST_SIDE_PX), Image.Resampling.BOX)
    grey = np.asarray(image.convert("L"))
    tiles = {f"grey, {grey.shape[0]} x {grey.shape[1]}": grey.astype(np.float64)}
    for name, kernel in KERNELS.items():
        sums = convolve(grey, kernel)
        size = "{} x {}".format(*kernel.shape)
        cut = ((np.rint(sums) < 0) | (np.rint(sums) > 255)).mean()  # rounded: a blur of white is 255 and the last bit
        print(f"{name:<12}{size:<9}sums {sums.min():6.0f} to {sums.max():5.0f}, {cut:6.1%} cut off")
        tiles[f"{name}, {size}"] = sums
    figure = Figure(figsize=(14, 7), dpi=110, layout="constrained")
    for axes, (title, tile) in zip(figure.subplots(2, 4).flat, tiles.items(), strict=True):
        axes.imshow(tile, cmap="gray", vmin=0, vmax=255)  # below 0 is black, above 255 white
        axes.set_title(title)
        axes.set_axis_off()
    save_figure(figure, output)
    print(f"contact sheet: {output}")
    return DONE


if __name__ == "__main__":
    sys.exit(main())
