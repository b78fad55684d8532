"""A figure as a PNG file: the option that names it, and the writing."""

import argparse
from pathlib import Path

from matplotlib.figure import Figure

from edge.atomic_file import replacing

DPI = 110


def png_path(text: str) -> Path:
    """Return the path that `text` is, for argparse; it must end in .png."""
    if not text.lower().endswith(".png"):
        raise argparse.ArgumentTypeError(f"must end in .png. Received: {text}")
    return Path(text)


def save_png(figure: Figure, path: Path) -> None:
    """Write `figure` to `path`, whole or not at all."""
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=DPI)
