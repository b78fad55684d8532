"""Cores: the quota of a container counts."""

import os
from pathlib import Path

import pytest

from edge.cores import usable_cores

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
