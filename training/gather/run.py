"""Fetch pictures until there are enough, and count what was no use."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import responses

from edge.errors import ImageError, SourceError
from edge.image import decode_image
from training.gather.collection import Collection
from training.gather.patience import Patience
from training.gather.request import Limits, Page, RefusedError, TryAgainError, get, retry_after_s
from training.gather.robots_rules import RobotsRules

# An address that gives nothing new so often will not give it soon.
FRUITLESS_IN_A_ROW = 20
BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
DUPLICATE = "duplicate content"
# What servers call a picture when they do not know better.
UNSPECIFIC = ("application/octet-stream", "binary/octet-stream")


@dataclass
class Tally:
    """What became of the answers: pictures that are new, and others by the reason for which they were not kept."""

    new: int = 0
    useless: Counter[str] = field(default_factory=Counter)

    def add(self, useless: str | None) -> None:
        """Count an answer: a new picture, or one that was `useless` for this reason."""
        if useless:
            self.useless[useless] += 1
        else:
            self.new += 1

    def describe(self) -> str:
        """Return the counts in words."""
        others = "".join(f", {count:,} {reason}" for reason, count in self.useless.most_common())
        return f"{self.new:,} new{others}"


def gather(
    collection: Collection,
    count: int,
    robots: RobotsRules,
    limits: Limits,
    patience: Patience,
    tally: Tally,
    show: Callable[[], None],
) -> None:
    """Fetch until `collection` holds `count` pictures; `tally` is kept current, and `show` called behind each answer.

    Raises SourceError once there is no hope of more, StoppedError, and OutputError for what cannot be written.
    """
    in_a_row = 0
    while len(collection) < count:
        patience.pause()
        useless = _gather_one(collection, robots, limits, patience)
        tally.add(useless)
        in_a_row = in_a_row + 1 if useless else 0
        show()
        if in_a_row == FRUITLESS_IN_A_ROW:
            raise SourceError(f"{collection.url}: {in_a_row} answers in a row gave nothing new (the last: {useless})")


def _gather_one(collection: Collection, robots: RobotsRules, limits: Limits, patience: Patience) -> str | None:
    """Return why an answer was of no use, None for a picture that is kept now."""
    try:
        page = patience.ask(collection.url, lambda: _fetch(collection.url, limits, robots))
        _require_picture(page)
        return None if collection.add(page.content, page.url) else DUPLICATE
    except RefusedError as error:
        return str(error)


def _fetch(url: str, limits: Limits, robots: RobotsRules) -> Page:
    page = get(url, limits, robots.allows)
    if page.status in BUSY:
        raise TryAgainError(f"HTTP {page.status} {_phrase(page.status)}".rstrip(), retry_after_s(page.headers))
    if page.status != HTTPStatus.OK:
        raise SourceError(f"{page.url}: HTTP {page.status} {_phrase(page.status)}".rstrip())
    return page


def _phrase(status: int) -> str:
    return responses.get(status, "")


def _require_picture(page: Page) -> None:
    """Raise RefusedError unless the page is a whole picture that the decoder of eyespot takes."""
    kind = page.headers.get_content_type() if "Content-Type" in page.headers else UNSPECIFIC[0]
    if not kind.startswith("image/") and kind not in UNSPECIFIC:
        raise RefusedError(f"not a picture but {kind}")
    try:
        decode_image(page.content)
    except ImageError as error:
        raise RefusedError(f"not decodable ({error.code})") from None
