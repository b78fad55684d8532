"""Types of values on the command lines of training."""

import argparse
from pathlib import Path

# What figures can be written as.
PICTURE_SUFFIXES = (".png", ".svg")


def seed_number(text: str) -> int:
    """Return `text` as a seed; NumPy and scikit-learn take 32 bits."""
    seed = int(text)
    if not 0 <= seed < 1 << 32:
        raise argparse.ArgumentTypeError(f"must be 0 to 4294967295. Received: {text}")
    return seed


def picture_path(text: str) -> Path:
    """Return `text` as the path of a figure to write."""
    path = Path(text)
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        raise argparse.ArgumentTypeError(f"must end in {' or '.join(PICTURE_SUFFIXES)}. Received: {text}")
    return path
