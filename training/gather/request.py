"""One GET request, bounded in time and bytes, that never leaves the host it was sent to."""

import http.client
import ssl
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from urllib.error import URLError
from urllib.parse import SplitResult, urljoin, urlsplit

from edge.errors import SourceError, UsageError
from training.gather.timed_connection import TimedHandler, TimedSecureHandler

# What robots.txt calls us.
PRODUCT = "eyespot"
USER_AGENT = f"{PRODUCT}/{version('eyespot')} (gathers pictures to train a classifier)"
REDIRECTS = (301, 302, 303, 307, 308)
MOST_REDIRECTS = 5
CHUNK_BYTES = 64 << 10
PORTS = {"http": 80, "https": 443}


class TryAgainError(Exception):
    """A request that may do better later; `after_s` is when, where the server said so."""

    def __init__(self, reason: str, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.after_s = after_s


class RefusedError(Exception):
    """An answer that is not what was asked for, though the next one may be."""


@dataclass(frozen=True)
class Limits:
    """What one answer may take: seconds from the request to its last byte, behind all redirects, and bytes."""

    timeout_s: float
    max_bytes: int


@dataclass(frozen=True)
class Page:
    """An answer that arrived whole; `url` is where it came from in the end."""

    url: str
    status: int
    headers: Message
    content: bytes


def parse_url(text: str) -> str:
    """Return the address without its fragment. Raises UsageError for what is no http or https address."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{text!r} is no address ({error})") from None
    if parts.scheme not in PORTS or not parts.hostname or port == 0:
        raise UsageError(f"an address must begin with http:// or https:// and name a host. Received: {text!r}")
    if parts.username is not None:
        raise UsageError("an address with a password would be written into the manifest; name one without")
    try:
        parts.hostname.encode("idna")  # as whoever looks it up does
    except UnicodeError:
        raise UsageError(f"a host must be parts of 1 to 63 letters and dots. Received: {parts.hostname!r}") from None
    if not text.isascii() or not text.isprintable() or " " in text:
        raise UsageError(f"an address must be ASCII without spaces, others as in %20. Received: {text!r}")
    return parts._replace(fragment="").geturl()


def get(url: str, limits: Limits, allows: Callable[[str], bool] = lambda _: True) -> Page:
    """Return what `url` answers, whatever its status, behind redirects to the same host, where `allows` lets them lead.

    Raises TryAgainError where the connection fails, the time is over or the answer is cut short, RefusedError for one
    that is too large or leads elsewhere, SourceError for a certificate that is not to be trusted.
    """
    try:
        return _follow(url, limits, allows)
    except URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise SourceError(f"{url}: its certificate is not to be trusted ({error.reason.verify_message})") from None
        raise TryAgainError(_said(error.reason)) from None
    except (OSError, http.client.HTTPException) as error:
        raise TryAgainError(_said(error)) from None


def retry_after_s(headers: Message) -> float | None:
    """Return the seconds of a Retry-After header, a number or a date (RFC 9110, 10.2.3); None for none."""
    text = str(headers.get("Retry-After", "")).strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max((date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds(), 0.0)


def _follow(url: str, limits: Limits, allows: Callable[[str], bool]) -> Page:
    ends_at = time.monotonic() + limits.timeout_s
    for _ in range(MOST_REDIRECTS + 1):
        headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 - parse_url lets only http and https pass
        with _OPENER.open(request, timeout=max(ends_at - time.monotonic(), 0.001)) as answer:
            status, found = int(answer.status), answer.headers
            if status not in REDIRECTS or "Location" not in found:
                return Page(url, status, found, _read(answer, limits.max_bytes))
        url = _same_host(url, found["Location"])
        if not allows(url):
            raise RefusedError("redirected to what robots.txt forbids")
    raise RefusedError(f"more than {MOST_REDIRECTS} redirects")


def _read(answer: http.client.HTTPResponse, max_bytes: int) -> bytes:
    announced = answer.length
    if announced is not None and announced > max_bytes:
        raise RefusedError("too many bytes")
    content = bytearray()
    while chunk := answer.read1(CHUNK_BYTES):
        content += chunk
        if len(content) > max_bytes:
            raise RefusedError("too many bytes")
    if announced is not None and len(content) < announced:
        raise TryAgainError("cut short")
    return bytes(content)


def _same_host(origin: str, location: str) -> str:
    """Return where `location` leads from `origin`: to the same host, with https in place of http at most."""
    try:
        target = parse_url(urljoin(origin, location))
    except ValueError:
        raise RefusedError("a redirect to no address of the web") from None
    before, after = urlsplit(origin), urlsplit(target)
    upgraded = (before.scheme, after.scheme) == ("http", "https") and before.port is after.port is None
    if not (_place(before) == _place(after) or (upgraded and before.hostname == after.hostname)):
        raise RefusedError("a redirect to another host")
    return target


def _place(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or PORTS.get(parts.scheme)


def _said(error: object) -> str:
    if isinstance(error, TimeoutError):
        return "timed out"
    return str(getattr(error, "strerror", None) or error) or type(error).__name__


def _make_opener() -> urllib.request.OpenerDirector:
    """Return an opener for http and https alone, which leaves every status to its caller."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        TimedHandler(),
        TimedSecureHandler(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


_OPENER = _make_opener()
