"""What is measured: a file with a number of threads, and whether they spin while they wait."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

# Up to so many cores every number of threads is tried, above only its doubles and all of them.
EACH_UP_TO = 4


@dataclass(frozen=True)
class Configuration:
    """One way to run one file."""

    path: Path
    threads: int
    spinning: bool


def configurations(paths: Iterable[Path], cores: int) -> Iterator[Configuration]:
    """Yield every way to run each of `paths` on so many `cores`; a single thread waits for nobody."""
    for path in paths:
        for threads in thread_counts(cores):
            for spinning in (True, False) if threads > 1 else (True,):
                yield Configuration(path, threads, spinning)


def thread_counts(cores: int) -> list[int]:
    """Return the numbers of threads to try, ascending."""
    counts = set(range(1, min(cores, EACH_UP_TO) + 1)) | {cores}
    doubled = EACH_UP_TO * 2
    while doubled < cores:
        counts.add(doubled)
        doubled *= 2
    return sorted(counts)
