"""What a server wants of robots: its robots.txt (RFC 9309)."""

from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit
from urllib.robotparser import RobotFileParser

from edge.errors import SourceError
from training.gather.request import USER_AGENT, Limits, RefusedError, TryAgainError, get, retry_after_s

# What a parser must read at least (RFC 9309, 2.5).
MOST_BYTES = 500 << 10
# What the server asks for beyond that is for a person to decide.
LONGEST_DELAY_S = 3600.0


@dataclass(frozen=True)
class Robots:
    """The rules for us: whether an address may be asked for, and the seconds wanted between two requests."""

    rules: RobotFileParser

    def allows(self, url: str) -> bool:
        """Whether the picture at `url` may be fetched."""
        return self.rules.can_fetch(USER_AGENT, url)

    @property
    def delay_s(self) -> float:
        """The seconds that the server wants between two requests."""
        rate = self.rules.request_rate(USER_AGENT)
        wanted = (float(self.rules.crawl_delay(USER_AGENT) or 0), rate.seconds / max(rate.requests, 1) if rate else 0.0)
        return max(wanted)


def read_robots(url: str, timeout_s: float) -> Robots:
    """Return the rules of the server of `url`; one that has no such file allows everything.

    Raises TryAgainError where it cannot be read now: what is not known must not be taken for allowed.
    """
    place = urljoin(url, "/robots.txt")
    rules = RobotFileParser()
    try:
        page = get(place, Limits(timeout_s, MOST_BYTES))
    except RefusedError as error:
        raise SourceError(f"{place}: {error}; without its rules nothing is fetched") from None
    if page.status == 429 or page.status >= 500:
        raise TryAgainError(f"robots.txt: HTTP {page.status}", retry_after_s(page.headers))
    found = 200 <= page.status < 300
    try:
        rules.parse(page.content.decode("utf-8", "replace").splitlines() if found else [])
    except ValueError as error:  # a number that the standard library takes for one and cannot read
        raise SourceError(f"{place}: it cannot be read ({error}); without its rules nothing is fetched") from None
    return Robots(rules)


def require_allowed(robots: Robots, url: str) -> None:
    """Raise SourceError unless the server lets robots have `url`, at a rate that makes sense."""
    host = urlsplit(url).netloc
    if not robots.allows(url):
        raise SourceError(f"{url}: robots.txt of {host} forbids it; ask its owner")
    if robots.delay_s > LONGEST_DELAY_S:
        raise SourceError(f"{url}: robots.txt of {host} wants {robots.delay_s:,.0f} seconds between two requests")
