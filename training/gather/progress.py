"""Show how far a gathering is: a line that is renewed on a terminal, one a minute elsewhere, on standard error."""

import sys
import time

LINE_EVERY_S = 60.0


class Progress:
    """What is shown between start and end; `say` prints a line of its own in between."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._shown_at = time.monotonic()

    def show(self, have: int, count: int, useless: int) -> None:
        """Show the state, if it is time to."""
        now = time.monotonic()
        state = f"eyespot: {have:,} of {count:,} pictures, {useless:,} answers of no use"
        if self._terminal:
            print(f"\r\x1b[K{state}", end="", file=sys.stderr, flush=True)
        elif now - self._shown_at >= LINE_EVERY_S:
            self._shown_at = now
            print(state, file=sys.stderr, flush=True)

    def say(self, line: str) -> None:
        """Print a line."""
        self.end()
        print(f"eyespot: {line}", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Clear the line that is renewed."""
        if self._terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
