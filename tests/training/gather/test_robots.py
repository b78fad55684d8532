"""robots.txt: obeyed where there is one, and not taken for permission where it cannot be read."""

import pytest

from edge.errors import SourceError
from tests.training.gather.bad_server import Reply, picture, serving
from training.gather.request import TryAgainError
from training.gather.robots import read_robots, require_allowed


def rules(text: str) -> Reply:
    return Reply(content=text.encode(), kind="text/plain")


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("User-agent: *\nDisallow: /picture\n", False),
        ("User-agent: *\nDisallow: /other\n", True),
        ("User-agent: eyespot\nDisallow: /\n\nUser-agent: *\nAllow: /\n", False),
        ("User-agent: somebody\nDisallow: /\n", True),
        ("", True),
    ],
)
def test_a_rule_for_all_or_for_us_is_obeyed(text: str, allowed: bool) -> None:
    with serving(picture(1), robots=rules(text)) as server:
        robots = read_robots(server.url, 5.0)
        assert robots.allows(server.url) is allowed
        if not allowed:
            with pytest.raises(SourceError, match=r"robots\.txt of 127.0.0.1:\d+ forbids it"):
                require_allowed(robots, server.url)


@pytest.mark.parametrize(("text", "delay_s"), [("Crawl-delay: 2.5", 2.5), ("Request-rate: 2/30", 15), ("Allow: /", 0)])
def test_the_delay_that_it_asks_for_is_known(text: str, delay_s: float) -> None:
    with serving(picture(1), robots=rules(f"User-agent: *\n{text}\n")) as server:
        assert read_robots(server.url, 5.0).delay_s == delay_s


def test_a_number_that_cannot_be_read_is_no_permission() -> None:
    text = "User-agent: *\nCrawl-delay: \u00b2\n"
    with serving(picture(1), robots=rules(text)) as server, pytest.raises(SourceError, match="without its rules"):
        read_robots(server.url, 5.0)


def test_no_such_file_allows_and_a_broken_server_does_not() -> None:
    with serving(picture(1), robots=Reply(404)) as server:
        assert read_robots(server.url, 5.0).allows(server.url)
    with serving(picture(1), robots=Reply(503)) as server, pytest.raises(TryAgainError, match=r"robots\.txt: HTTP 503"):
        read_robots(server.url, 5.0)
