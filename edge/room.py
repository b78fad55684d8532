"""Room for what is under way: so many things that together hold so many bytes, and whoever brings more waits.

It exists so that memory does not grow with the number of inputs, nor with their size.
"""

from threading import Condition


class Room:
    """How many items, and how many bytes that they hold, may be under way at once."""

    def __init__(self, items: int, held_bytes: int) -> None:
        self._items, self._bytes = items, held_bytes
        self._most_items, self._most = items, held_bytes
        self._changed = Condition()
        self.closed = False

    def enter(self, size: int) -> bool:
        """Wait for room; return False if it was closed meanwhile. A single item always fits."""
        with self._changed:
            self._changed.wait_for(lambda: self.closed or (self._items > 0 and self._fits(size)))
            self._items -= 1
            self._bytes -= size
            return not self.closed

    def _fits(self, size: int) -> bool:
        return self._bytes >= size or self._bytes == self._most

    def leave(self, size: int) -> None:
        """Give the room of one item back."""
        with self._changed:
            self._items += 1
            self._bytes += size
            # Not for each item: whoever waits is woken to bring in several at once. It is woken in any case once
            # nothing is under way.
            if 2 * self._items >= self._most_items or 2 * self._bytes >= self._most:
                self._changed.notify()

    def close(self) -> None:
        """Let nobody in any more."""
        with self._changed:
            self.closed = True
            self._changed.notify()
