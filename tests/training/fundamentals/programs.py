"""The commands of this checkout as a user runs them, whichever checkout is installed."""

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import run_eyespot

ROOT = Path(__file__).parents[3]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}


def run_module(name: str, *arguments: str | Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run `python -m training.fundamentals.NAME` in `folder`."""
    command = [sys.executable, "-m", f"training.fundamentals.{name}", *map(str, arguments)]
    return subprocess.run(
        command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False
    )


def run_subcommand(*arguments: str | Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run the `eyespot` command in `folder`."""
    return run_eyespot(*arguments, cwd=folder, env=ENVIRONMENT)
