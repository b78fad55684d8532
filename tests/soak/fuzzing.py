"""Hypothesis, with a fixed seed, a count of its examples, and failures in a line in place of an exception.

A reader that refuses everything would never fail, so a share of the examples must be accepted.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

from tests.soak.outcome import Effort, Outcome

# Each strategy is made so that about twice as many are, or more; with few examples chance may go below.
ACCEPTED_SHARE = 0.05
ENOUGH_TO_TELL = 200


def fuzz(
    effort: Effort,
    strategy: SearchStrategy[Any],
    judge: Callable[[Any], str],
    good: str,
    limit_ms: int,
    share: float = 1.0,
) -> tuple[Outcome, "Counter[str]"]:
    """Try `judge` on examples of the strategy; it names the outcome, `good` if accepted, and raises where it is wrong.

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
    tried = seen.pop("tried", 0)
    if not failures and tried >= ENOUGH_TO_TELL and seen[good] < ACCEPTED_SHARE * tried:
        failures = [f"only {seen[good]} of {tried:,} examples were accepted"]
    return Outcome(tried, failures), seen
