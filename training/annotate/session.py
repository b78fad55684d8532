"""The answers: a line in a journal that is on the disk before the page hears of it, and the picture that follows it.

The first line says how the items were found, each other line is an answer; the last one of an item counts. After a kill
the next start brings the pictures to what the journal says.
"""

import os
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock

import msgspec

from edge.errors import OutputError, UsageError
from edge.files import AppendOnlyFile, replacing
from training.annotate.items import Cutter, Item
from training.data.folder import fold_label, is_text


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """The label of the item `key` of a picture: "" ignores it, None opens it again."""

    picture: str = ""
    key: str = ""
    label: str | None = None
    asked: str = ""  # the regions and kind of labels, in the first line


class Session:
    """Takes answers from any number of threads; `held` has the label of each key that was answered.

    A suspect is moved to the class folder of its label. Any other item is written beside the journal as
    LABEL/KEY.SUFFIX. With `labels` no other label is taken.
    """

    def __init__(self, journal: Path, items: dict[str, Item], labels: Sequence[str], cutter: Cutter) -> None:
        """Raises OutputError if another process has the journal or it is damaged, UsageError for other regions."""
        self.items, self.labels, self._root, self._cutter = items, labels, journal.parent, cutter
        self.held: dict[str, str] = {}
        self._undoable: list[tuple[str, str | None]] = []  # key and label before, of each answer
        self._ever: set[str | None] = {None}  # labels under which a picture may be
        self._lock = Lock()
        self._file = AppendOnlyFile(journal, f"{journal}: another 'eyespot annotate' is writing it; end that first")
        try:
            for key in self._read(Entry(asked=cutter.asked)) & items.keys():
                self._bring(items[key], self.held.get(key))
        except BaseException:
            self._file.close()
            raise

    def answer(self, key: str, label: str) -> None:
        """Write the label of an item, "" to ignore it. Where this raises nothing is saved.

        Raises UsageError for a label that is not possible, ImageError for a picture that is damaged now, OSError.
        """
        with self._lock:
            if self.labels and label not in ("", *self.labels):
                raise UsageError(f"the label must be one of {', '.join(self.labels)}. Received: {label!r}")
            if label:
                check_label(label, os.listdir(self._root))
            if (before := self.held.get(key)) != label:
                self._commit(key, label)
                self._undoable.append((key, before))

    def undo(self) -> str:
        """Take back the last answer since the start; return the key of its item, "" for none. Raises as `answer`."""
        with self._lock:
            if not self._undoable:
                return ""
            key, before = self._undoable[-1]
            self._commit(key, before)
            self._undoable.pop()
            return key

    def open(self, behind: str = "") -> list[str]:
        """Return the keys of the items without an answer, those behind an item first."""
        keys = list(self.items)
        start = keys.index(behind) + 1 if behind else 0
        return [key for key in keys[start:] + keys[:start] if key not in self.held]

    def place(self, item: Item) -> Path:
        """Return the path of an item's picture now: a suspect may have been moved."""
        return (item.folder and self._place(item, self.held.get(item.key))) or item.path

    def close(self) -> None:
        """Finish the answer in hand and take no other; a journal without answers is removed."""
        self._lock.acquire()
        if self._ever == {None}:
            self._file.discard()
        self._file.close()

    def _read(self, first: Entry) -> set[str]:
        """Play the journal, or begin it with `first`, and return the keys in it."""
        *lines, torn = self._file.read().split(b"\n")
        try:
            entries = [msgspec.json.decode(line, type=Entry) for line in lines] or [first]
            for label in {entry.label for entry in entries if entry.label}:
                check_label(label, ())
        except (ValueError, RecursionError) as error:
            raise OutputError(f"{self._file.path}: a line is damaged ({error}); repair it, or label anew") from None
        if entries[0] != first:
            raise UsageError(f"{self._file.path} is about {entries[0].asked}. Received: {first.asked}; name another")
        self._file.keep(self._file.size - len(torn))
        if not lines:
            self._file.append(msgspec.json.encode(first) + b"\n", flush=True)
        for entry in entries[1:]:
            self._play(entry)
        return {entry.key for entry in entries}

    def _play(self, entry: Entry) -> None:
        self._ever.add(entry.label)
        self.held.pop(entry.key, None)
        if entry.label is not None:
            self.held[entry.key] = entry.label

    def _commit(self, key: str, label: str | None) -> None:
        if not self._file.has_its_name:
            raise OutputError(f"not saved: {self._file.path} was removed; put it back, or start again")
        end, entry = self._file.end, Entry(self.items[key].name, key, label)
        try:
            self._file.append(msgspec.json.encode(entry) + b"\n", flush=True)
            self._bring(self.items[key], label)
        except BaseException:
            self._file.keep(end)
            raise
        self._play(entry)

    def _bring(self, item: Item, label: str | None) -> None:
        """Bring the picture of an item from any earlier label to this one."""
        new = self._place(item, label)
        old = [p for other in self._ever if (p := self._place(item, other)) and p != new and p.exists()]
        if item.folder and old and new:
            if new.exists():
                raise OutputError(f"not saved: {new} is another picture; move that away and answer again")
            new.parent.mkdir(parents=True, exist_ok=True)
            old.pop().rename(new)
        elif not item.folder and new and not new.exists():
            content = self._cutter.content(item)
            with replacing(new) as temporary:
                temporary.write_bytes(content)
        for path in () if item.folder else old:
            path.unlink()
            with suppress(OSError):  # it has other pictures; an empty class could not be trained
                path.parent.rmdir()

    def _place(self, item: Item, label: str | None) -> Path | None:
        """Return the path of an item's picture with a label, None if there is none."""
        if not item.folder:
            suffix = ".png" if item.box else item.path.suffix.lower()
            return self._root / label / f"{item.key}{suffix}" if label else None
        if not label or label == item.folder.name:
            return item.path
        path = item.folder.with_name(label) / item.path.relative_to(item.folder)
        return path.with_stem(f"{path.stem}-{item.folder.name}")  # the other class may have a picture of its name


def check_label(label: str, known: Collection[str]) -> None:
    """Raise UsageError if `label` cannot name a class folder, or training would take it for one of `known`."""
    bad = label != label.strip() or label[:1] in ("", ".") or len(label.encode()) > 255
    if bad or "/" in label or "\\" in label or not is_text(label):
        raise UsageError(f"a label must be a possible name of a folder that is not hidden. Received: {label!r:.80}")
    alike = {fold_label(other): other for other in known if other != label}
    if clash := alike.get(fold_label(label)):
        raise UsageError(f"the labels {clash!r} and {label!r} would be one to training; choose one of them")
