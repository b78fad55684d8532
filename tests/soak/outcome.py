"""What a check gets, and what it found."""

import random
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Effort:
    """How long and how hard to try; the same `seed` tries the same."""

    seed: int
    load_s: float
    loops: int
    mutants: int
    examples: int
    schemathesis: Path

    def chance(self, what: str) -> random.Random:
        """Return a generator for one check, so that one check does not change another's numbers."""
        return random.Random(f"{self.seed} {what}")


@dataclass(frozen=True)
class Outcome:
    """How many cases were tried, and each failure in a line."""

    cases: int
    failures: list[str]
