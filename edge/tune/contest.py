"""All configurations against each other: in turns, so that a busy or hot device is unfair to all of them alike."""

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge.tune.configuration import Configuration
from edge.tune.measure import Turn

TURN_S = 0.4
# A turn that takes longer is no candidate for anything.
TIMEOUT_S = 600.0


@dataclass
class Contender:
    """A configuration with its turns so far; `failure` says why it takes no more of them."""

    configuration: Configuration
    turns: list[Turn] = field(default_factory=list)
    failure: str | None = None

    @property
    def median_s(self) -> float:
        """The median of the turns' medians."""
        return statistics.median(statistics.median(turn.seconds) for turn in self.turns)

    @property
    def p95_s(self) -> float:
        """What 95 of 100 runs of all turns did not exceed."""
        ordered = sorted(second for turn in self.turns for second in turn.seconds)
        return ordered[-(-95 * len(ordered) // 100) - 1]

    @property
    def peak_bytes(self) -> int:
        """The most memory that any of its processes held."""
        return max(turn.peak_bytes for turn in self.turns)


def hold_contest(
    configurations: Sequence[Configuration],
    rounds: int,
    image: Path | None,
    seen: Callable[[int, int], None],
) -> list[Contender]:
    """Return all configurations with `rounds` turns each; `seen` is told the turns taken and those that there are."""
    contenders = [Contender(configuration) for configuration in configurations]
    for number in range(rounds):
        # There and back again: nobody always comes after the same neighbour.
        for place, contender in enumerate(contenders if number % 2 == 0 else reversed(contenders)):
            seen(number * len(contenders) + place, rounds * len(contenders))
            if contender.failure is None:
                _take_turn(contender, image)
    seen(rounds * len(contenders), rounds * len(contenders))
    return contenders


def _take_turn(contender: Contender, image: Path | None) -> None:
    told = contender.configuration
    arguments = [str(told.path), str(told.threads), str(int(told.spinning)), str(int(told.many)), str(TURN_S)]
    if image:
        arguments.append(str(image))
    # -P: a file numpy.py where the user stands is not ours.
    command = [sys.executable, "-P", "-m", "edge.tune.measure", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False)  # noqa: S603 # our own module
    except subprocess.TimeoutExpired:
        contender.failure = f"took longer than {TIMEOUT_S:g} seconds"
        return
    try:
        said = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
        contender.failure = f"its process ended with status {done.returncode} ({last})"
        return
    if "error" in said:
        contender.failure = said["error"]
    else:
        contender.turns.append(Turn(tuple(said["seconds"]), said["peak_bytes"]))
