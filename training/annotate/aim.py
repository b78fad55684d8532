"""What an answer is about, and the error of one that comes too late."""

from dataclasses import dataclass

from edge.errors import EyespotError


class StaleError(EyespotError, LookupError):
    """An answer to something that is not so any more: another tab has answered, or the server is another."""


@dataclass(frozen=True)
class Aim:
    """What an answer is about: an item by index and key, and the number of the entry that held for it, 0 for none."""

    item: int
    key: str
    seen: int
