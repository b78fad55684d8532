"""Points in time as files of gathering and labelling tell them."""

from datetime import UTC, datetime


def utc_text(seconds: float) -> str:
    """Return a time, in seconds since 1970, as UTC in ISO 8601, to the second."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
