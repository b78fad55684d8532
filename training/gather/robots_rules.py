"""What a robots.txt lets one robot have, by RFC 9309, and the delay that it asks for, which the RFC leaves open.

1. Lines end in CR, LF or both; what stands behind # is a comment; other records, blank lines too, part no group.
2. The groups that name the robot, whatever its case, count together; where none does, those of * do.
3. The rule whose pattern is the longest decides; of two that are as long, the one that allows.
4. In a pattern * stands for any characters, and $ at its end for the end of the path.
5. Octets compare alike whether they are percent-encoded or not, but for those that mean something in an address.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from string import ascii_letters, digits
from urllib.parse import quote, urlsplit

ROBOTS_PATH = "/robots.txt"
UNRESERVED = frozenset(ascii_letters + digits + "-._~")
# Of the characters that mean something in a path, those that are but themselves in a query: all but & = + ; * $ #.
PLAIN_IN_QUERY = UNRESERVED | frozenset("/:?@[]!'(),")
ESCAPE = re.compile("%([0-9A-Fa-f]{2})")
PRODUCT_TOKEN = re.compile(r"\*$|[A-Za-z_-]+")
SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]*)?|\.[0-9]+")
RATE = re.compile(r"([0-9]{1,9})\s*/\s*([0-9]{1,9})")


@dataclass(frozen=True)
class Rule:
    """Whether what `pattern`, normalised, stands for may be fetched."""

    pattern: str
    allows: bool

    def matches(self, path: str) -> bool:
        """Whether the pattern stands for a normalised path; in a time that grows with both, whatever the pattern."""
        first, *rest = self.pattern.removesuffix("$").split("*")
        to_end = self.pattern.endswith("$")
        if not path.startswith(first) or (to_end and not rest and path != first):
            return False
        last = rest.pop() if to_end and rest else ""
        place = len(first)
        for part in rest:
            found = path.find(part, place)
            if found < 0:
                return False
            place = found + len(part)
        return path.endswith(last, place)


@dataclass(frozen=True)
class RobotsRules:
    """What one robot may fetch, and the seconds that the server wants between two requests."""

    rules: tuple[Rule, ...]
    delay_s: float

    def allows(self, url: str) -> bool:
        """Whether `url` may be fetched."""
        parts = urlsplit(url)
        path = parts.path or "/"
        # A rule for the character itself has it percent-encoded.
        asked = _normalised(f"{path}?{parts.query}" if parts.query else path).replace("*", "%2A").replace("$", "%24")
        found = [rule for rule in self.rules if rule.matches(asked)]
        return path == ROBOTS_PATH or not found or max((len(rule.pattern), rule.allows) for rule in found)[1]


@dataclass
class _Group:
    """The robots that some lines of User-agent name, in lower case, and the records behind them."""

    robots: set[str] = field(default_factory=set)
    records: list[tuple[str, str]] = field(default_factory=list)


def parse_rules(content: bytes, robot: str) -> RobotsRules:
    """Return the rules in a robots.txt for the robot of this name. Raises ValueError for a delay that is no number."""
    groups = list(_groups(content.decode("utf-8-sig", "surrogateescape")))
    own = [group for group in groups if robot.lower() in group.robots] or [g for g in groups if "*" in g.robots]
    records = [record for group in own for record in group.records]
    rules = (_rule(name, value) for name, value in records if name in ("allow", "disallow") and value)
    return RobotsRules(tuple(rules), max((_delay_s(name, value) for name, value in records), default=0.0))


def _groups(text: str) -> Iterator[_Group]:
    group, has_rules = _Group(), False
    for line in text.replace("\r", "\n").split("\n"):
        name, _, value = (part.strip() for part in line.partition("#")[0].partition(":"))
        name = name.lower()
        if name == "user-agent":
            if has_rules:
                yield group
                group, has_rules = _Group(), False
            if token := PRODUCT_TOKEN.match(value):
                group.robots.add(token[0].lower())
        else:
            group.records.append((name, value))
            has_rules = has_rules or name in ("allow", "disallow")
    yield group


def _rule(name: str, value: str) -> Rule:
    body, end = value.removesuffix("$"), "$" * value.endswith("$")
    return Rule(_normalised(body).replace("$", "%24") + end, name == "allow")


def _delay_s(name: str, value: str) -> float:
    """Return the seconds that a record asks for, 0 for one that is about something else."""
    if name == "crawl-delay" and value:
        if not SECONDS.fullmatch(value):
            raise ValueError(f"Crawl-delay must be seconds. Received: {value!r:.40}")
        return float(value)
    if name == "request-rate" and value:
        if not (found := RATE.fullmatch(value)):
            raise ValueError(f"Request-rate must be requests/seconds. Received: {value!r:.40}")
        return int(found[2]) / max(int(found[1]), 1)
    return 0.0


def _normalised(address: str) -> str:
    """Return path and query with one way to write each octet."""
    path, mark, query = quote(address, "".join(map(chr, range(33, 127))), errors="surrogateescape").partition("?")
    return _decoded(path, UNRESERVED) + mark + _decoded(query, PLAIN_IN_QUERY)


def _decoded(text: str, plain: frozenset[str]) -> str:
    def decode(found: re.Match[str]) -> str:
        character = chr(int(found[1], 16))
        return character if character in plain else found[0].upper()

    return ESCAPE.sub(decode, text)
