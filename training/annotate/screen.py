"""What the page shows: one item, what is known about it, and how far the work is."""

from collections.abc import Callable
from dataclasses import dataclass

from edge.errors import ImageError
from edge.result import Box, printable
from training.annotate.labels import Choice, assign_keys
from training.annotate.pictures import Pictures
from training.annotate.session import Session
from training.annotate.suggest import Guess, Suggester
from training.annotate.survey import Item, Survey, Unreadable


@dataclass(frozen=True)
class Tally:
    """How many items have a label."""

    label: str
    count: int


@dataclass(frozen=True)
class Progress:
    """How far the work is; the entry numbered `last` can be undone (0: nothing)."""

    labels: tuple[Tally, ...]
    ignored: int
    left: int
    seconds_left: float | None
    last: int


@dataclass(frozen=True)
class Screen:
    """The item at `index` of `items`; `number` is that of the entry that holds for it, 0 for none.

    `state`, `label` and `guess` are about the item, `width` and `height` in pixels about its picture. `problem` says
    why it cannot be shown, `warning` what went wrong with the answer before.
    """

    index: int
    items: int
    key: str
    number: int
    picture: str
    part: int
    parts: int
    box: Box | None
    width: int
    height: int
    state: str
    label: str | None
    remark: str | None
    guess: Guess | None
    problem: str | None
    warning: str | None
    progress: Progress


@dataclass(frozen=True)
class About:
    """What stays the same: what an item is called, the labels there are, and what was not to be asked about.

    `typed` is how a label is given where none are: by one `key`, or as `text`.
    """

    noun: str
    choices: tuple[Choice, ...]
    typed: str
    unreadable: tuple[Unreadable, ...]
    empty: tuple[str, ...]


def describe(noun: str, labels: tuple[str, ...], survey: Survey) -> About:
    """Return what the page needs to know once."""
    typed = "" if labels else "key" if noun == "glyph" else "text"
    unreadable = tuple(Unreadable(printable(u.name), u.reason) for u in survey.unreadable)
    return About(noun, assign_keys(labels), typed, unreadable, tuple(map(printable, survey.empty)))


class Screens:
    """Makes screens of a session; any number of threads may share it."""

    def __init__(self, session: Session, pictures: Pictures, suggester: Suggester | None) -> None:
        self._session, self._pictures, self._suggester = session, pictures, suggester

    def first(self) -> int:
        """Return the index to begin with: the first open item, the last of all if there is none."""
        found = self._session.next_open(-1)
        return len(self._session.items) - 1 if found is None else found

    def behind(self, index: int) -> int:
        """Return the index to go on with after an answer to the item at `index`."""
        found = self._session.next_open(index)
        return min(index + 1, len(self._session.items) - 1) if found is None else found

    def show(self, index: int, warning: str | None = None) -> Screen:
        """Return the screen of the item at `index`."""
        item = self._session.items[index]
        entry = self._session.answers.of(item.key)
        guess, problem = _tried(lambda: self._guess(item))
        return Screen(
            index=index,
            items=len(self._session.items),
            key=item.key,
            number=entry.number if entry else 0,
            picture=printable(item.picture.name),
            part=item.part,
            parts=len(item.picture.boxes),
            box=item.box,
            width=item.picture.width,
            height=item.picture.height,
            state=entry.state if entry else "open",
            label=entry.label if entry else None,
            remark=item.picture.remark,
            guess=guess,
            problem=problem,
            warning=warning,
            progress=self._progress(),
        )

    def _progress(self) -> Progress:
        answers, left = self._session.answers, self._session.left()
        return Progress(
            labels=tuple(Tally(label, count) for label, count in sorted(answers.counts.copy().items()) if count),
            ignored=answers.ignored,
            left=left,
            seconds_left=self._session.seconds_left(left),
            last=next((entry.number for entry, _ in answers.last_act), 0),
        )

    def _guess(self, item: Item) -> Guess | None:
        crop = self._pictures.crop(item)  # without a model too: whether it can be shown
        guess = self._suggester.guess(crop) if self._suggester else None
        return guess if guess and (not self._session.labels or guess.label in self._session.labels) else None


def _tried(guess: Callable[[], Guess | None]) -> tuple[Guess | None, str | None]:
    try:
        return guess(), None
    except ImageError as error:
        return None, f"it cannot be shown: {error}"
