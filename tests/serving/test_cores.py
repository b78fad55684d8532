"""Cores: the quota of a container counts, and workers share what there is."""

import os
from pathlib import Path

import pytest

from serving.cores import threads_per_worker, usable_cores

HERE = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("text", "cores"),
    [("max 100000", HERE), ("100000 100000", 1), ("50000 100000", 1), (f"{HERE}00000 100000", HERE), ("", HERE)],
)
def test_a_quota_is_honoured(tmp_path: Path, text: str, cores: int) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert usable_cores(tmp_path / "cpu.max") == cores


def test_without_a_control_group_the_scheduler_counts(tmp_path: Path) -> None:
    assert usable_cores(tmp_path / "none") == HERE


def test_threads_are_divided_and_never_none() -> None:
    assert threads_per_worker(1, 0) == usable_cores()
    assert threads_per_worker(10_000, 0) == 1
    assert threads_per_worker(2, 5) == 5
