"""The answers: a line in a journal that is on the disk before anybody hears of it, and the file that follows it.

The first line says what was asked for, each other is an answer. The last one to an item holds, and wherever the machine
stops, the next start brings the files to it.
"""

import os
import unicodedata
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock

import msgspec

from edge.errors import OutputError, UsageError
from edge.files import AppendOnlyFile, replacing
from training.annotate.items import Cutter, Item


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The label of the item `key` of a picture: "" to ignore it, None to open it; `undo` takes back the last one."""

    picture: str = ""
    key: str = ""
    label: str | None = None
    undo: bool = False
    asked: str = ""  # by which the boxes of the items were found; in the first line


class Session:
    """Takes answers from any number of threads, one at a time; `held` has the label of each key that has an answer.

    A suspect is moved to the class folder of its label; any other item is written beside the journal as
    LABEL/KEY.SUFFIX, with the content that `cutter` gives it. Without `labels` it may have any.
    """

    def __init__(self, journal: Path, items: dict[str, Item], labels: Sequence[str], cutter: Cutter) -> None:
        """Raises OutputError if another process has the journal or it is damaged, UsageError if it asked otherwise."""
        self.items, self.labels, self._root, self._cutter = items, labels, journal.parent, cutter
        self.held: dict[str, str] = {}
        self._undoable: list[tuple[str, str | None]] = []
        self._ever: set[str | None] = {None}
        self._lock = Lock()
        self._file = AppendOnlyFile(journal, f"{journal}: another 'eyespot annotate' is writing it; end that first")
        try:
            mentioned = self._read(Entry(asked=cutter.asked))
            for key in mentioned & items.keys():
                self._bring(items[key], self.held.get(key))
        except BaseException:
            self._file.close()
            raise

    def answer(self, key: str, label: str) -> None:
        """Write the label of an item, "" to ignore it. Where it raises nothing is saved.

        Raises KeyError, UsageError for a label that cannot be, ImageError for a picture that is damaged now, OSError.
        """
        with self._lock:
            if self.labels and label not in ("", *self.labels):
                raise UsageError(f"the label must be one of {', '.join(self.labels)}. Received: {label!r}")
            if label and not self.labels:
                check_label(label, os.listdir(self._root))
            if self.held.get(key) != label:
                self._commit(Entry(self.items[key].name, key, label))

    def undo(self) -> str:
        """Take the last answer back and return the key of its item, "" if there is none. Raises as `answer` does."""
        with self._lock:
            key, before = self._undoable[-1] if self._undoable else ("", None)
            if key and key not in self.items:
                raise UsageError("the picture that was answered last is not there any more; put it back to undo that")
            if key:
                self._commit(Entry(self.items[key].name, key, before, undo=True))
            return key

    def open(self, behind: str = "") -> list[str]:
        """Return the keys of the open items, those behind an item first."""
        keys = list(self.items)
        start = keys.index(behind) + 1 if behind else 0
        return [key for key in keys[start:] + keys[:start] if key not in self.held]

    def place(self, item: Item) -> Path:
        """Return where the picture of an item is now: a suspect may have been moved."""
        return (item.folder and self._place(item, self.held.get(item.key))) or item.path

    def close(self) -> None:
        """Let the answer in hand come to its end, and take no other; a journal without answers is removed."""
        self._lock.acquire()
        if self._ever == {None}:
            self._file.discard()
        self._file.close()

    def _read(self, first: Entry) -> set[str]:
        """Play the journal, or begin it, and return the keys in it."""
        lines, torn = self._file.read_lines()
        try:
            if not lines and not msgspec.json.encode(first).startswith(torn):
                raise ValueError("it is no journal")
            entries = [msgspec.json.decode(line, type=Entry) for line in lines] or [first]
            for entry in entries[1:]:
                self._play(entry)
        except (ValueError, LookupError, RecursionError) as error:
            raise OutputError(f"{self._file.path}: a line is damaged ({error}); mend it, or label anew") from None
        if entries[0] != first:
            raise UsageError(f"{self._file.path} is about {entries[0].asked}. Received: {first.asked}; name another")
        self._file.keep(self._file.size - len(torn))
        if not lines:
            self._file.append(msgspec.json.encode(first) + b"\n", flush=True)
        return {entry.key for entry in entries}

    def _play(self, entry: Entry) -> None:
        if entry.label:
            check_label(entry.label, ())
        if entry.undo:
            self._undoable.pop()
        else:
            self._undoable.append((entry.key, self.held.get(entry.key)))
        self._ever.add(entry.label)
        self.held.pop(entry.key, None)
        if entry.label is not None:
            self.held[entry.key] = entry.label

    def _commit(self, entry: Entry) -> None:
        if not self._file.has_its_name:
            raise OutputError(f"not saved: {self._file.path} was removed; put it back, or start again")
        end = self._file.end
        try:
            self._file.append(msgspec.json.encode(entry) + b"\n", flush=True)
            self._bring(self.items[entry.key], entry.label)
        except BaseException:
            self._file.keep(end)
            raise
        self._play(entry)

    def _bring(self, item: Item, label: str | None) -> None:
        """Bring the file of an item from wherever it is to where it is with a label."""
        new = self._place(item, label)
        found = [p for other in self._ever if (p := self._place(item, other)) and p != new and p.exists()]
        if item.folder and found and new:
            if new.exists():
                raise OutputError(f"not saved: {new} is another picture; move that away and answer again")
            new.parent.mkdir(parents=True, exist_ok=True)
            found[0].rename(new)
        elif not item.folder:
            if new and not new.exists():
                content = self._cutter.content(item)
                with replacing(new) as temporary:
                    temporary.write_bytes(content)
            for path in found:
                path.unlink()
                with suppress(OSError):  # it has other files: a class without any could not be trained
                    path.parent.rmdir()

    def _place(self, item: Item, label: str | None) -> Path | None:
        """Return where the file of an item is with a label, None for nowhere."""
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
    if bad or any(c in "/\\" or unicodedata.category(c) in ("Cc", "Cs") for c in label):
        raise UsageError(f"a label must be a possible name of a folder that is not hidden. Received: {label!r:.80}")
    alike = {unicodedata.normalize("NFKC", other).casefold(): other for other in known if other != label}
    if clash := alike.get(unicodedata.normalize("NFKC", label).casefold()):
        raise UsageError(f"the labels {clash!r} and {label!r} would be one to training; choose one of them")
