"""How many of the cores that this process may use each worker gets."""

from edge.runtime import usable_cores


def threads_per_worker(workers: int, threads: int) -> int:
    """Return how many threads a worker computes with: `threads`, or for 0 its share of the cores."""
    return threads or max(1, usable_cores() // workers)
