"""How many cores this process may use, and how many of them each worker gets."""

import os
from pathlib import Path

# Control groups, version 2: a quota and a period in microseconds, or the word max.
CPU_MAX = Path("/sys/fs/cgroup/cpu.max")


def usable_cores(cpu_max: Path = CPU_MAX) -> int:
    """Return the cores that the scheduler and the container's quota leave, at least one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = cpu_max.read_text(encoding="ascii").split()
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):  # no such group, or no quota
        return cores


def threads_per_worker(workers: int, threads: int) -> int:
    """Return how many threads a worker computes with: `threads`, or for 0 its share of the cores."""
    return threads or max(1, usable_cores() // workers)
