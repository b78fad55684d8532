"""Serve captchas on this machine, four digits each, to practise gathering, labelling and reading.

Every request to the address that is printed gets a fresh one; the same seed gives the same series. What they say is
written to the file of --truth, a line of JSON for each, which is for judging a reader and not for making one. Where
the file has lines already, the series goes on behind them. Ctrl-C ends it.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from edge.arguments import Parser, port_number, positive, seed_number
from edge.cli import DONE, as_command
from training.captcha.server import CaptchaServer


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until all captchas have left, or until Ctrl-C, and return the exit status."""
    parser = Parser("python -m training.captcha", description=__doc__)
    parser.add_argument(
        "--port", type=port_number, default=8000, metavar="PORT", help="(default 8000; 0: any free one)"
    )
    parser.add_argument("--count", type=positive, metavar="N", help="end after so many captchas (default: never)")
    parser.add_argument("--seed", type=seed_number, default=1, help="(default 1)")
    parser.add_argument("--truth", type=Path, default=Path("truth.jsonl"), metavar="FILE", help="(default truth.jsonl)")
    return as_command(lambda: _serve(parser.parse(sys.argv[1:] if argv is None else argv)))


def _serve(arguments: argparse.Namespace) -> int:
    with CaptchaServer(arguments.port, arguments.seed, arguments.count, arguments.truth) as server:
        print(server.url, flush=True)
        try:
            server.serve_forever(0.1)
        except KeyboardInterrupt:
            print("eyespot: no more captchas", file=sys.stderr)
    return DONE


if __name__ == "__main__":
    sys.exit(main())
