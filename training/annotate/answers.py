"""What holds for each item: the entries of the journal, played in order."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import takewhile

from training.annotate.journal import Entry


class Answers:
    """The entry that holds for each key; `counts` items of each label, and `ignored` items, are among them."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        """Play `entries`. Raises ValueError if one undoes another than the last."""
        self._current: dict[str, Entry] = {}
        self._undoable: list[tuple[Entry, Entry | None]] = []
        self.files_ever: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.ignored = 0
        for entry in entries:
            self.play(entry)

    def play(self, entry: Entry) -> None:
        """Let `entry` hold for its item. Raises ValueError if it undoes another than the last."""
        if entry.undoes is None:
            self._undoable.append((entry, self.of(entry.key)))
        elif not self._undoable or self._undoable[-1][0].number != entry.undoes:
            raise ValueError(f"entry {entry.number} undoes entry {entry.undoes}, which is not the last")
        else:
            self._undoable.pop()
        before = self.of(entry.key)
        self._current[entry.key] = entry
        self.ignored += (entry.state == "ignored") - bool(before and before.state == "ignored")
        if before and before.label:
            self.counts[before.label] -= 1
        if entry.label:
            self.counts[entry.label] += 1
        if entry.file:
            self.files_ever.add(entry.file)

    def of(self, key: str) -> Entry | None:
        """Return what holds for an item, None if nothing was ever said about it."""
        return self._current.get(key)

    def is_open(self, key: str) -> bool:
        """Whether an item is still to be answered."""
        entry = self._current.get(key)
        return entry is None or entry.state == "open"

    @property
    def last_act(self) -> Sequence[tuple[Entry, Entry | None]]:
        """The entries that can be undone next, the newest first, and what held for the item of each before it."""
        newest = self._undoable[-1:]
        if not newest or (act := newest[0][0].act) is None:
            return newest
        return list(takewhile(lambda undoable: undoable[0].act == act, reversed(self._undoable)))

    def labelled(self) -> list[Entry]:
        """Return the entries that hold and give a label."""
        return [entry for entry in self._current.values() if entry.state == "labelled"]
