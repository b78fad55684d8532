"""Hypothesis, with a fixed seed, a count of its examples, and failures in a line in place of an exception."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

from tests.soak.outcome import Effort, Outcome


def fuzz(
    effort: Effort, strategy: SearchStrategy[Any], judge: Callable[[Any], str], limit_ms: int, share: float = 1.0
) -> tuple[Outcome, "Counter[str]"]:
    """Try `judge` on examples of the strategy; it names the outcome, and raises where that is wrong.

    The first failure ends it: Hypothesis then shows the smallest input that it found. `share` is of the examples.
    """
    seen = Counter[str]()

    @seed(effort.seed)
    @settings(
        max_examples=max(1, round(effort.examples * share)),
        deadline=limit_ms,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
        print_blob=False,
    )
    @given(strategy)
    def attempt(example: Any) -> None:
        seen["tried"] += 1
        seen[judge(example)] += 1

    failures = []
    try:
        attempt()
    except Exception as error:  # noqa: BLE001 # whatever the fuzzed code raised is what was looked for
        failures = [f"{type(error).__name__}: {error} {getattr(error, '__notes__', '')}".replace("\n", " ")[:1500]]
    return Outcome(seen.pop("tried", 0), failures), seen
