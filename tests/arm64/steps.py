"""One step of making the root: a program that must succeed, and the one line that says why it did not."""

import subprocess
from pathlib import Path


class NotMade(Exception):  # noqa: N818 - it reads as the sentence that it is
    """What the tests need on this machine is not there; the message is one line."""


def call(*command: str | Path) -> None:
    """Run a program quietly. Raises NotMade with the last line that it said if it fails or is missing."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise NotMade(f"the program {command[0]} is missing; the emulated Pi is made on Debian or its kin") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or [f"exit status {done.returncode}"]
        what = " ".join(map(str, command[:3]))
        raise NotMade(f"'{what} ...' failed: {said[-1]}")
