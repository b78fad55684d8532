"""Where eyespot keeps what can be made again: arrays prepared for a training, weights, what `tune` has measured."""

import os
from pathlib import Path

from edge.errors import UsageError


def cache_folder() -> Path:
    """Return EYESPOT_CACHE, or eyespot in the user's cache folder. Raises UsageError for a user without a home."""
    if folder := os.environ.get("EYESPOT_CACHE"):
        return Path(folder)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "eyespot"
    except RuntimeError:
        raise UsageError("this user has no home folder to keep a cache in; set EYESPOT_CACHE to a folder") from None
