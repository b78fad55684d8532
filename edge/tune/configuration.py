"""What is measured: a file with a number of threads, whether they spin while they wait, and for how many images."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

# Up to so many cores every number of threads is tried, above only its doubles and all of them.
EACH_UP_TO = 4


@dataclass(frozen=True)
class Configuration:
    """One way to run one file; `many` is as `batch` runs it, where images that are under way at once share a run."""

    path: Path
    threads: int
    spinning: bool
    many: bool = False


def configurations(paths: Iterable[Path], cores: int) -> Iterator[Configuration]:
    """Yield every way to run each of `paths` on so many `cores`; a single thread waits for nobody.

    For many images at once it is always a single thread, since there is one for each of them.
    """
    for path in paths:
        for threads in thread_counts(cores):
            for spinning in (True, False) if threads > 1 else (True,):
                yield Configuration(path, threads, spinning)
        yield Configuration(path, threads=1, spinning=True, many=True)


def thread_counts(cores: int) -> list[int]:
    """Return the numbers of threads to try, ascending."""
    counts = set(range(1, min(cores, EACH_UP_TO) + 1)) | {cores}
    doubled = EACH_UP_TO * 2
    while doubled < cores:
        counts.add(doubled)
        doubled *= 2
    return sorted(counts)
