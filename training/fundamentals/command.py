"""What the commands of this folder share: their options are read, and a mistake ends as one line, not a traceback."""

import argparse
import sys
from collections.abc import Callable, Sequence

from edge.cli import NOTHING_DONE
from edge.errors import EyespotError


def command_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser whose help shows `description`, a module's docstring, as it is written."""
    return argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)


def run_command(
    parser: argparse.ArgumentParser, argv: Sequence[str] | None, body: Callable[[argparse.Namespace], int]
) -> int:
    """Return the exit status of `body`, or 2 and one line on standard error for what it could not do."""
    arguments = parser.parse_args(argv)
    try:
        return body(arguments)
    except EyespotError as error:
        print(f"eyespot: {error}", file=sys.stderr)
    except OSError as error:
        print(f"eyespot: {error.filename or 'output'}: {error.strerror or error}", file=sys.stderr)
    return NOTHING_DONE
