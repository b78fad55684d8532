"""API keys, from the settings or from a file that is read again whenever it changes."""

import base64
import hashlib
import hmac
import logging
from collections.abc import Iterable
from pathlib import Path

from edge.errors import UsageError
from serving.settings import SHORTEST_KEY

log = logging.getLogger("eyespot.keys")

OPEN_PATHS = frozenset({"/livez", "/readyz", "/healthz", "/v2/health/live", "/v2/health/ready"})
# Two lines, Basic first: Chromium takes a line for a single challenge, and asks for a password on that one.
CHALLENGES = ((b"www-authenticate", b'Basic realm="eyespot"'), (b"www-authenticate", b"Bearer"))


def file_signature(file: Path) -> tuple[int, ...]:
    """Return what changes when a file does; nothing for one that is not there."""
    try:
        status = file.stat()
    except (OSError, ValueError):
        return ()
    return status.st_mtime_ns, status.st_size, status.st_ino


class ApiKeys:
    """The keys that are valid now. Without any, every request is admitted."""

    def __init__(self, keys: Iterable[str], file: str) -> None:
        """Take `keys`, and those of `file` unless it is empty. Raises UsageError for the file."""
        self._fixed = frozenset(map(_digest, keys))
        self._file = Path(file) if file else None
        self._signature = file_signature(self._file) if self._file else ()
        self._from_file = read_keys(self._file) if self._file else frozenset()

    @property
    def required(self) -> bool:
        """Whether a request needs a key."""
        return bool(self._fixed) or self._file is not None

    def accepts(self, authorization: str, api_key: str) -> bool:
        """Return whether one of the headers `Authorization` and `X-API-Key` has a valid key."""
        self._refresh()
        given = _digest(api_key or _credential(authorization))
        # Every key is compared, and digests in constant time, so that the time tells nothing.
        found = [hmac.compare_digest(given, key) for key in self._fixed | self._from_file]
        return any(found)

    def _refresh(self) -> None:
        if self._file is None or (signature := file_signature(self._file)) == self._signature:
            return
        self._signature = signature
        try:
            self._from_file = read_keys(self._file)
            log.info("API keys read again", extra={"keys": len(self._from_file)})
        except UsageError as error:
            log.warning("the API keys stay as they were: %s", error)


def read_keys(file: Path) -> frozenset[bytes]:
    """Return the digests of the keys in `file`, one a line; empty lines and those with # are skipped.

    Raises UsageError if it cannot be read, has none, or one that is too short.
    """
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except OSError as error:
        raise UsageError(f"{file}: the API keys cannot be read ({error.strerror})") from None
    except ValueError:
        raise UsageError(f"{file}: API keys must be ASCII text") from None
    keys = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
    if not keys or min(map(len, keys)) < SHORTEST_KEY:
        raise UsageError(f"{file}: it must hold API keys, one a line, of at least {SHORTEST_KEY} characters")
    return frozenset(map(_digest, keys))


def _credential(authorization: str) -> str:
    """Return the key of `Bearer KEY`, or the password of `Basic`, which browsers send."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except ValueError:  # of the alphabet, of the padding, or of the decoded text
        return ""


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
