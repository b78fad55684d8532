"""What the commands of this folder share: their options are read, and they end as the subcommands of eyespot do."""

import argparse
import sys
from collections.abc import Callable, Sequence

from edge.arguments import Parser
from edge.cli import as_command


def command_parser(name: str, description: str | None) -> Parser:
    """Return the parser of the module `name` here, whose help shows `description`, its docstring, as it is written."""
    return Parser(f"python -m training.fundamentals.{name}", description)


def run_command(parser: Parser, argv: Sequence[str] | None, body: Callable[[argparse.Namespace], int]) -> int:
    """Return the exit status of `body`, or 2 and one line on standard error for what it could not do."""
    return as_command(lambda: body(parser.parse(sys.argv[1:] if argv is None else argv)))
