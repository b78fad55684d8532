"""The parser of every subcommand, which suggests the option that was meant, and kinds of values that several take."""

import argparse
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NoReturn

# What figures can be written as.
PICTURE_SUFFIXES = (".png", ".svg")


class Parser(argparse.ArgumentParser):
    """argparse's own parser, but a mistake is one line, with the nearest option where there is none by a name.

    A description stands in the help as it was written.
    """

    def __init__(self, prog: str, description: str | None) -> None:
        # To learn how wide the terminal is argparse loads four modules, for each option anew; only help needs it.
        formatter = partial(argparse.RawDescriptionHelpFormatter, width=80)
        super().__init__(prog, description=description, formatter_class=formatter)

    def format_help(self) -> str:
        """Return the help, as wide as the terminal."""
        self.formatter_class = argparse.RawDescriptionHelpFormatter
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        """End the program with status 2 and `message`; the usage, many lines of it, is left to --help."""
        self.exit(2, f"eyespot: {message} (see '{self.prog} --help')\n")

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """Return the arguments. Ends the program with status 2 and one line if some are unknown."""
        arguments, unknown = self.parse_known_args(words)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}{self._suggestion(unknown)}")
        return arguments

    def _suggestion(self, unknown: list[str]) -> str:
        from difflib import get_close_matches  # only a mistake pays for it

        known = [name for action in self._actions for name in action.option_strings]
        options = [text.partition("=")[0] for text in unknown if text.startswith("-")]
        near = [match for option in options for match in get_close_matches(option, known, 1)]
        return f"; did you mean {near[0]!r}?" if near else ""


def positive(text: str) -> int:
    """Return the whole number above zero that `text` says, for argparse."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1. Received: {text}")
    return value


def port_number(text: str) -> int:
    """Return the port that `text` says, 0 for any free one, for argparse."""
    value = int(text)
    if not 0 <= value < 1 << 16:
        raise argparse.ArgumentTypeError(f"must be 0 to 65535. Received: {text}")
    return value


def count(text: str) -> int:
    """Return the whole number, 0 or more, that `text` says, for argparse."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"must be 0 or more. Received: {text}")
    return value


def not_below_zero(text: str) -> float:
    """Return the finite number, 0 or more, that `text` says, for argparse."""
    value = float(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"must be 0 or more. Received: {text}")
    return value


def above_zero(text: str) -> float:
    """Return the finite number above zero that `text` says, for argparse."""
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"must be above 0. Received: {text}")
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
