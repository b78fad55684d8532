"""Ask a server for its robots.txt (RFC 9309), and obey it."""

from urllib.parse import urljoin, urlsplit

from edge.errors import SourceError
from training.gather.request import PRODUCT, Limits, RefusedError, TryAgainError, get, retry_after_s
from training.gather.robots_rules import ROBOTS_PATH, RobotsRules, parse_rules

# What a parser must read at least (RFC 9309, 2.5).
MOST_BYTES = 500 << 10
# What the server asks for beyond that is for a person to decide.
LONGEST_DELAY_S = 3600.0


def read_robots(url: str, timeout_s: float) -> RobotsRules:
    """Return the rules of the server of `url` for us; one that has no such file allows everything.

    Raises TryAgainError where it cannot be read now: what is not known must not be taken for allowed.
    """
    place = urljoin(url, ROBOTS_PATH)
    try:
        page = get(place, Limits(timeout_s, MOST_BYTES))
        if page.status == 429 or page.status >= 500:
            raise TryAgainError(f"robots.txt: HTTP {page.status}", retry_after_s(page.headers))
        return parse_rules(page.content if 200 <= page.status < 300 else b"", PRODUCT)
    except (RefusedError, ValueError) as error:
        raise SourceError(f"{place}: {error}; without its rules nothing is fetched") from None


def require_allowed(robots: RobotsRules, url: str) -> None:
    """Raise SourceError unless the server lets robots have `url`, at a rate that makes sense."""
    host = urlsplit(url).netloc
    if not robots.allows(url):
        raise SourceError(f"{url}: robots.txt of {host} forbids it; ask its owner")
    if robots.delay_s > LONGEST_DELAY_S:
        raise SourceError(f"{url}: robots.txt of {host} wants {robots.delay_s:,.0f} seconds between two requests")
