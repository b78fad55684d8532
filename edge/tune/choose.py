"""Choose the best of what was measured, among what may be chosen."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from edge.spec import ModelSpec
from edge.tune.contest import Contender
from edge.tune.network import accuracy, refusal

# Medians this close are equal on a machine that does other things as well.
AS_FAST = 1.03


def eligible(contenders: Sequence[Contender], specs: Mapping[Path, ModelSpec]) -> list[Contender]:
    """Return those that ran and may be chosen. A file that stands alone replaces nobody and needs no certificate."""
    return [
        contender
        for contender in contenders
        if contender.failure is None and reason(specs, contender.configuration.path) is None
    ]


def reason(specs: Mapping[Path, ModelSpec], path: Path) -> str | None:
    """Return why the file at `path` may not be chosen, None if it may."""
    spec = specs[path]
    return None if len(specs) == 1 and spec.variant is None else refusal(spec)


def fastest(contenders: Sequence[Contender], specs: Mapping[Path, ModelSpec]) -> Contender:
    """Return the best of `contenders`, of which there is one at least.

    That is the fastest; of those as fast, the one with the best certificate, then the fewest threads, then idle ones.
    """
    limit = AS_FAST * min(contender.median_s for contender in contenders)

    def rank(contender: Contender) -> tuple[float, int, bool, float]:
        told = contender.configuration
        return -(accuracy(specs[told.path]) or 0.0), told.threads, told.spinning, contender.median_s

    return min((contender for contender in contenders if contender.median_s <= limit), key=rank)
