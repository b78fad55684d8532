"""A cache of arrays on disk, one entry a picture, with a size limit: pictures after geometry, and their features.

It is an SQLite database, so several trainings may use it at once and a kill or a power cut leaves it whole.
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

# Of all entries together; the least recently used ones go first. EYESPOT_CACHE_GB changes it.
DEFAULT_LIMIT_GB = 10.0
# Entries are written in transactions of about this size, so that nobody else waits long for the database.
BUFFER_BYTES = 32 << 20
BUSY_S = 60
NOTE = "SELECT note FROM entries WHERE key = ?"
# Pages that hold several small pictures, and make few links of a large one.
PAGE_BYTES = 16_384
# The share of the limit that is left after the least recently used entries were removed.
LOW_WATER = 0.9


def limit_bytes() -> int:
    """Return the limit that EYESPOT_CACHE_GB sets, or the default. Raises UsageError for what is no number above 0."""
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

    def __init__(self, folder: Path, limit: int | None = None) -> None:
        self._path = folder / "training.sqlite"
        self._limit = limit_bytes() if limit is None else limit
        self._lock = RLock()
        self._buffer: dict[bytes, tuple[str, bytes]] = {}
        self._buffered = 0
        folder.mkdir(parents=True, exist_ok=True)
        with self._errors():
            try:
                self._database = self._open()
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                self._path.unlink(missing_ok=True)  # no database: another program's file, or a damaged one
                self._database = self._open()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock, self._errors(), closing(self._database):
            self._write()
            self._evict()

    def known(self, wanted: Sequence[bytes]) -> dict[bytes, str]:
        """Return the notes of those of `wanted` that are there, and count them as used now."""
        with self._lock, self._errors():
            self._write()
            rows = ((key, self._database.execute(NOTE, (key,)).fetchone()) for key in wanted)
            found = {key: str(row[0]) for key, row in rows if row}
            now = time.time()
            self._database.executemany("UPDATE entries SET used = ? WHERE key = ?", ((now, key) for key in found))
            self._database.commit()
        return found

    def read(self, keys: Sequence[bytes]) -> Iterator[bytes | None]:
        """Yield what is kept under each of `keys`, in order; None for what is not there."""
        for key in keys:
            with self._lock, self._errors():
                if key in self._buffer:
                    yield self._buffer[key][1]
                else:
                    row = self._database.execute("SELECT data FROM entries WHERE key = ?", (key,)).fetchone()
                    yield row[0] if row else None

    def add(self, key: bytes, data: bytes, note: str = "") -> None:
        """Keep `data` under `key`, with a short text that `known` returns."""
        with self._lock, self._errors():
            self._buffer[key] = (note, data)
            self._buffered += len(data)
            if self._buffered >= BUFFER_BYTES:
                self._write()

    def flush(self) -> None:
        """Write what was added, so that it is there after a kill."""
        with self._lock, self._errors():
            self._write()

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=BUSY_S, check_same_thread=False)
        database.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute(
            "CREATE TABLE IF NOT EXISTS entries "
            "(key BLOB PRIMARY KEY, note TEXT NOT NULL, used REAL NOT NULL, size INTEGER NOT NULL, data BLOB NOT NULL)"
        )
        database.execute("CREATE INDEX IF NOT EXISTS by_use ON entries (used, size)")
        database.commit()
        return database

    def _write(self) -> None:
        if not self._buffer:
            return
        now = time.time()
        rows = [(key, note, now, len(data), data) for key, (note, data) in self._buffer.items()]
        self._database.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?)", rows)
        self._database.commit()
        self._buffer.clear()
        self._buffered = 0
        self._evict()

    def _evict(self) -> None:
        """Remove the entries that were not used for longest until those that are left are within the limit."""
        total = self._database.execute("SELECT COALESCE(SUM(size), 0) FROM entries").fetchone()[0]
        if total <= self._limit:
            return
        surplus = total - LOW_WATER * self._limit
        for key, size in self._database.execute("SELECT key, size FROM entries ORDER BY used").fetchall():
            if surplus <= 0:
                break
            self._database.execute("DELETE FROM entries WHERE key = ?", (key,))
            surplus -= size
        self._database.commit()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn SQLite's errors of a full or failing disk into the OSError that they are."""
        try:
            yield
        except sqlite3.OperationalError as error:
            full = error.sqlite_errorcode == sqlite3.SQLITE_FULL
            raise OSError(
                errno.ENOSPC if full else errno.EIO, f"the cache cannot be used ({error})", str(self._path)
            ) from None
