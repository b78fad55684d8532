"""A cache of byte strings on disk with a size limit: pictures after geometry, and their features.

It is an SQLite database: several trainings may use it at once, and a kill or a power cut leaves it whole.
"""

import errno
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import RLock

from edge.errors import UsageError

# The size of all entries together. EYESPOT_CACHE_GB changes it.
DEFAULT_LIMIT_GB = 10.0
BUSY_S = 60
# Large pages hold several small pictures, and one large picture takes few of them.
SCHEMA = """
PRAGMA page_size = 16384;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS entries
    (key BLOB PRIMARY KEY, note TEXT NOT NULL, used REAL NOT NULL, size INTEGER NOT NULL, data BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS by_use ON entries (used, size);
"""
EVICT = """
DELETE FROM entries WHERE key IN
    (SELECT key FROM (SELECT key, SUM(size) OVER (ORDER BY used DESC, key) AS total FROM entries) WHERE total > ?)
"""


def limit_bytes() -> int:
    """Return the limit that EYESPOT_CACHE_GB sets, or the default. Raises UsageError unless it is a number above 0."""
    text = os.environ.get("EYESPOT_CACHE_GB", str(DEFAULT_LIMIT_GB))
    try:
        limit = float(text)
    except ValueError:
        limit = 0.0
    if not 0 < limit < float("inf"):
        raise UsageError(f"EYESPOT_CACHE_GB must be a number of gigabytes above 0. Received: {text!r}")
    return int(limit * 1e9)


class Store:
    """Byte strings by key, in one file. Its methods may be called from any thread; all raise OSError for a bad disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / "training.sqlite"
        self._limit = limit_bytes()
        self._lock = RLock()
        self._written = 0  # bytes since entries were last evicted
        folder.mkdir(parents=True, exist_ok=True)
        with self._access():
            try:
                self._open()
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                self._path.unlink(missing_ok=True)  # another program's file, or a damaged one
                self._open()

    def _open(self) -> None:
        self._database = sqlite3.connect(self._path, timeout=BUSY_S, check_same_thread=False)
        self._database.executescript(SCHEMA)

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        with self._access(), closing(self._database):
            self._evict()

    def note(self, key: bytes) -> str | None:
        """Return the note of an entry, or None if there is no entry."""
        with self._access():
            row = self._database.execute("SELECT note FROM entries WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def read(self, keys: Sequence[bytes]) -> Iterator[bytes | None]:
        """Yield the data of each of `keys`, in order; None where there is no entry."""
        for key in keys:
            with self._access():
                row = self._database.execute("SELECT data FROM entries WHERE key = ?", (key,)).fetchone()
            yield row[0] if row else None

    def touch(self, keys: Sequence[bytes]) -> None:
        """Count `keys` as used now; the entries that were not used for longest are removed first."""
        now = time.time()
        with self._access(), self._database:
            self._database.executemany("UPDATE entries SET used = ? WHERE key = ?", ((now, key) for key in keys))

    def write(self, entries: Sequence[tuple[bytes, bytes, str]]) -> None:
        """Keep key, data and note of each of `entries`; after a kill all of them are there or none."""
        now = time.time()
        rows = [(key, note, now, len(data), data) for key, data, note in entries]
        with self._access(), self._database:
            self._database.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?)", rows)
            self._written += sum(len(data) for _, data, _ in entries)
            if self._written > self._limit // 10:
                self._evict()

    def _evict(self) -> None:
        self._written = 0
        total = self._database.execute("SELECT COALESCE(SUM(size), 0) FROM entries").fetchone()[0]
        if total > self._limit:
            with self._database:
                self._database.execute(EVICT, (int(0.9 * self._limit),))

    @contextmanager
    def _access(self) -> Iterator[None]:
        """Lock the database, and turn SQLite's errors of a full or failing disk into the OSError that they are."""
        try:
            with self._lock:
                yield
        except sqlite3.DatabaseError as error:
            code = errno.ENOSPC if error.sqlite_errorcode == sqlite3.SQLITE_FULL else errno.EIO
            remedy = "" if isinstance(error, sqlite3.OperationalError) else "; remove it, it is made anew"
            raise OSError(code, f"the cache cannot be used ({error}{remedy})", str(self._path)) from None


def cache_folder() -> Path:
    """Return EYESPOT_CACHE, or eyespot in the user's cache folder. Raises UsageError for a user without a home."""
    if folder := os.environ.get("EYESPOT_CACHE"):
        return Path(folder)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "eyespot"
    except RuntimeError:
        raise UsageError("this user has no home folder to keep a cache in; set EYESPOT_CACHE to a folder") from None
