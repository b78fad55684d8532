"""API keys: who may ask. They come from the settings, or from a file that is read again whenever it changes."""

import base64
import hashlib
import hmac
import logging
from collections.abc import Iterable
from pathlib import Path

from edge.errors import UsageError
from serving.settings import SHORTEST_KEY

log = logging.getLogger("eyespot.keys")


class ApiKeys:
    """The keys that are good now. Where there are none, everyone may ask."""

    def __init__(self, keys: Iterable[str], file: str) -> None:
        """Take `keys`, and those of `file` unless it is the empty text. Raises UsageError for the file."""
        self._fixed = frozenset(map(_digest, keys))
        self._file = Path(file) if file else None
        self._state: tuple[int, ...] | None = None
        self._from_file: frozenset[bytes] = frozenset()
        if self._file:
            self._state = self._look(self._file)
            self._from_file = read_keys(self._file)

    @property
    def required(self) -> bool:
        """Whether a request needs a key."""
        return bool(self._fixed) or self._file is not None

    def accepts(self, authorization: str, api_key: str) -> bool:
        """Whether one of two headers, `Authorization` and `X-API-Key`, carries a good key."""
        self._refresh()
        given = _digest(api_key or _credential(authorization))
        # Every key is compared, and digests in constant time, so that the time taken tells nothing.
        found = [hmac.compare_digest(given, key) for key in self._fixed | self._from_file]
        return any(found)

    def _refresh(self) -> None:
        if self._file is None:
            return
        state = self._look(self._file)
        if state == self._state:
            return
        self._state = state
        try:
            self._from_file = read_keys(self._file)
            log.info("API keys read again", extra={"fields": {"keys": len(self._from_file)}})
        except UsageError as error:
            log.warning("the API keys stay as they were: %s", error)

    @staticmethod
    def _look(file: Path) -> tuple[int, ...] | None:
        try:
            status = file.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino


def read_keys(file: Path) -> frozenset[bytes]:
    """Return the digests of the keys in `file`, one a line; empty lines and those with # are passed over.

    Raises UsageError if it cannot be read, holds none, or one that is too short.
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
    """Return the key of `Bearer KEY`, or the password of `Basic`, which is what browsers can send."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except ValueError:  # of the alphabet, of the padding, or of the text that comes out
        return ""


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
