"""One step of making the root: a program that must succeed, and the one line that says why it did not."""

import subprocess
from pathlib import Path


class NotMade(Exception):  # noqa: N818 - it reads as the sentence that it is
    """What the tests need on this machine is not there; the message is one line."""


def call(goal: str, *command: str | Path) -> None:
    """Run a program quietly, to reach `goal`. Raises NotMade, with its first complaint, if it fails or is missing."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise NotMade(f"to {goal}, the program {command[0]} is needed, which Debian and its kin have") from None
    if done.returncode:
        said = done.stderr.strip().splitlines()
        complaints = [line for line in said if line.startswith(("E:", "ERROR:"))]
        reason = [*complaints[:1], *said[-1:], f"{command[0]} ended with status {done.returncode}"][0]
        raise NotMade(f"could not {goal}: {reason}")
