"""One sitting: the items, what was said about each, and the one writer of journal and folder.

Every answer names the item that its sender saw and the entry that held for it then. Where that is no longer so,
because another tab was quicker or the server was started anew, the answer lands nowhere.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Lock
from time import time
from typing import Literal

from edge.errors import EyespotError, OutputError, UsageError
from training.annotate.aim import Aim, StaleError
from training.annotate.answers import Answers
from training.annotate.journal import Entry, Journal
from training.annotate.label_folder import LabelFolder
from training.annotate.labels import check_label
from training.annotate.pace import Pace
from training.annotate.survey import Item
from training.utc_text import utc_text

Content = Callable[[Item], tuple[str, bytes]]


class Session:
    """Takes answers from any number of threads, one at a time.

    `content` gives suffix and bytes of what is written for an item; `labels`, if there are any, are the only ones.
    """

    def __init__(
        self, items: tuple[Item, ...], journal: Journal, content: Content, labels: tuple[str, ...], pace: Pace
    ) -> None:
        self.items, self.labels = items, labels
        keys = [item.key for item in items]
        self.index_of = {key: index for index, key in enumerate(keys)}
        self._journal, self._content, self._pace = journal, content, pace
        self._folder = LabelFolder(journal.path.parent)
        self._lock = Lock()
        self._closed = False
        try:
            self.answers = Answers(journal.entries)
        except ValueError as error:
            raise OutputError(f"{journal.path}: {error}; it was changed by hand, put it back") from None
        # A byte for each item, 1 while it is open, in which C looks for the next: there may be hundreds of thousands.
        # Of two that nothing tells apart the last counts.
        self._open = bytearray(self.answers.is_open(k) and self.index_of[k] == i for i, k in enumerate(keys))

    def answer(self, aim: Aim, label: str | None) -> str | None:
        """Write a label, None for an item to ignore; return a warning if only the folder, not the journal, refused it.

        Raises StaleError, UsageError for a label that cannot be, ImageError if the picture is gone, OutputError.
        """
        with self._writing():
            item = self._aimed(aim)
            if label is None:
                return self._commit([self._entry(item, "ignored")], {})
            if self.labels and label not in self.labels:
                raise UsageError(f"the label must be one of {', '.join(self.labels)}. Received: {label!r}")
            check_label(label, self._known())
            current = self.answers.of(item.key)
            if current and current.label == label:
                return None
            suffix, content = self._content(item)
            file = self._folder.take_name(label, suffix)
            return self._commit([self._entry(item, "labelled", label, file)], {file: content})

    def ignore_picture(self, aim: Aim) -> str | None:
        """Ignore all that is still open of the picture of an item; see `answer`."""
        with self._writing():
            picture = self._aimed(aim).picture
            parts = (Item(picture, part) for part in range(1, len(picture.boxes) + 1))
            found = [item for item in parts if self.answers.is_open(item.key)]
            entries = [self._entry(item, "ignored", ahead=ahead) for ahead, item in enumerate(found)]
            if len(entries) > 1:
                entries = [replace(entry, act=entries[0].number) for entry in entries]
            return self._commit(entries, {})

    def undo(self, last: int) -> tuple[str, str | None]:
        """Take back the entry numbered `last`, and what was written together with it.

        Return the key of its item, the first of several, and a warning as `answer` does.
        """
        with self._writing():
            act = self.answers.last_act
            if not act or act[0][0].number != last:
                raise StaleError("something else was answered or undone meanwhile, in another tab")
            entries, pictures = [], {}
            for ahead, (entry, before) in enumerate(act):
                item = self._item(entry.key)
                if item is None:
                    raise StaleError(f"what was answered last, in {entry.picture}, is not there any more")
                state, label, file = (before.state, before.label, before.file) if before else ("open", None, None)
                entries.append(self._entry(item, state, label, file, undoes=entry.number, ahead=ahead))
                if file:
                    pictures[file] = self._content(item)[1]
            return act[-1][0].key, self._commit(entries, pictures)

    def rebuild(self) -> list[str]:
        """Make the folder what the journal says; return the files that cannot be, because their pictures are gone."""
        self._folder.sweep()
        self._folder.keep_from(self.answers.files_ever)
        wanted = {entry.file: entry for entry in self.answers.labelled() if entry.file}
        for file in self.answers.files_ever - wanted.keys():
            self._folder.remove(file)
        missing = {file: self._item(e.key) for file, e in wanted.items() if not (self._folder.root / file).is_file()}
        for file, item in missing.items():
            if item:
                self._folder.publish(self._folder.stage(file, self._content(item)[1]), file)
        return sorted(file for file, item in missing.items() if item is None)

    def close(self) -> None:
        """Let the answer in hand come to its end, and take no other."""
        with self._lock:
            self._closed = True

    def next_open(self, after: int) -> int | None:
        """Return the first open item behind index `after`, else the first of all, None if there is none."""
        found = self._open.find(1, after + 1)
        found = self._open.find(1) if found < 0 else found
        return None if found < 0 else found

    def left(self) -> int:
        """Return how many items are open."""
        return self._open.count(1)

    def seconds_left(self, items: int) -> float | None:
        """Return how long so many items will take, None while that is unknown."""
        return self._pace.seconds_for(items)

    def _known(self) -> set[str]:
        return {label for label, count in self.answers.counts.items() if count} | set(self._folder.labels())

    def _item(self, key: str) -> Item | None:
        index = self.index_of.get(key)
        return None if index is None else self.items[index]

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Let one answer at a time through. What the disk refuses is an OutputError: then nothing of it was saved."""
        with self._lock:
            if self._closed:
                raise OutputError("not saved: the annotation has ended")
            try:
                yield
            except EyespotError:
                raise
            except OSError as error:
                raise OutputError(f"not saved: {error.filename}: {error.strerror}; mend it and answer again") from None

    def _aimed(self, aim: Aim) -> Item:
        if not 0 <= aim.item < len(self.items) or self.items[aim.item].key != aim.key:
            raise StaleError("this page is of an earlier start; here is what is asked now")
        current = self.answers.of(aim.key)
        if aim.seen != (current.number if current else 0):
            said = f"labelled {current.label!r}" if current and current.label else "answered or undone"
            raise StaleError(f"this one was {said} in another tab meanwhile; answer again to change that")
        return self.items[aim.item]

    def _entry(
        self,
        item: Item,
        state: Literal["labelled", "ignored", "open"],
        label: str | None = None,
        file: str | None = None,
        undoes: int | None = None,
        ahead: int = 0,
    ) -> Entry:
        number = len(self._journal.entries) + 1 + ahead
        picture = item.picture
        return Entry(number, picture.name, picture.sha256, item.box, state, label, file, undoes, utc_text(time()))

    def _commit(self, entries: list[Entry], pictures: dict[str, bytes]) -> str | None:
        """Stage `pictures`, write the journal, publish: whenever the machine stops, `rebuild` finds its way."""
        replaced = [old.file for e in entries if (old := self.answers.of(e.key)) and old.file and old.file != e.file]
        staged: dict[str, Path] = {}
        try:
            for file, content in pictures.items():
                staged[file] = self._folder.stage(file, content)
            self._journal.append(*entries)
        except OSError:
            for path in staged.values():
                self._folder.discard(path)
            raise
        for entry in entries:
            self.answers.play(entry)
            self._open[self.index_of[entry.key]] = self.answers.is_open(entry.key)
        self._pace.answered()
        return self._publish(staged, replaced)

    def _publish(self, staged: dict[str, Path], replaced: list[str]) -> str | None:
        try:
            for file, path in staged.items():
                self._folder.publish(path, file)
            for old in replaced:
                self._folder.remove(old)
        except OSError as error:
            return f"saved, but {error.filename}: {error.strerror}; the next start will put the folder right"
        return None
