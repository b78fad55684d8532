"""Kinds of values that options of several subcommands take."""

import argparse
from pathlib import Path

# What figures can be written as.
PICTURE_SUFFIXES = (".png", ".svg")


def positive(text: str) -> int:
    """Return the whole number above zero that `text` says, for argparse."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1. Received: {text}")
    return value


def seed_number(text: str) -> int:
    """Return the seed that `text` says, for argparse: NumPy's and scikit-learn's generators take 32 bits."""
    value = int(text)
    if not 0 <= value < 1 << 32:
        raise argparse.ArgumentTypeError(f"must be from 0 to {(1 << 32) - 1}. Received: {text}")
    return value


def share(text: str) -> float:
    """Return the number above 0 and below 1 that `text` says, for argparse."""
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"must be above 0 and below 1. Received: {text}")
    return value


def picture_path(text: str) -> Path:
    """Return the path of a figure to write that `text` says, for argparse."""
    path = Path(text)
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        raise argparse.ArgumentTypeError(f"must end in {' or '.join(PICTURE_SUFFIXES)}. Received: {text}")
    return path
