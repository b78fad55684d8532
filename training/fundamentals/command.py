"""What the commands of this folder share: their options are read, and they end as the subcommands of eyespot do."""

import argparse
from collections.abc import Callable, Sequence

from edge.cli import as_command


def command_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser whose help shows `description`, a module's docstring, as it is written."""
    return argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)


def run_command(
    parser: argparse.ArgumentParser, argv: Sequence[str] | None, body: Callable[[argparse.Namespace], int]
) -> int:
    """Return the exit status of `body`, or 2 and one line on standard error for what it could not do."""
    return as_command(lambda: body(parser.parse_args(argv)))
