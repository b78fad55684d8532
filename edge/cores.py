"""How many cores this process may use, which in a container can be fewer than the machine has."""

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
