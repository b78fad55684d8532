"""A uvicorn server that shares new connections out evenly among the workers of one socket.

It exists because all workers listen on one socket, and the first to look takes every connection that waits: of
sixteen clients that come together one worker gets all, and the others stand idle for as long as those stay.
"""

import asyncio
import errno
import fcntl
import logging
import math
import mmap
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvicorn

from serving.idle_connections import IdleConnections
from serving.metrics import SHARED_FOLDER

# How long a connection is left to workers that have fewer; one of them that waits for work takes it far sooner.
LEAVE_S = 0.001
# How long a connection that was accepted may still take to begin when the worker ends; only TLS takes any time.
COMING_S = 1.0
# As asyncio does where a process may open no more files.
RETRY_S = 1.0
# A tick is a tenth of a second; connections are looked through once in so many.
TICKS_PER_LOOK = 5
NO_MORE_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
MOST_WORKERS = 64
COUNT_BYTES = 4  # an unsigned int
COUNTS_FILE = "connections"

log = logging.getLogger("eyespot.server")


class FairServer(uvicorn.Server):
    """uvicorn's server, but that it ends idle connections, and accepts them itself where other workers listen too."""

    def __init__(self, config: uvicorn.Config, idle_timeout_s: float = math.inf) -> None:
        super().__init__(config)
        self._idle = IdleConnections(idle_timeout_s)
        self._counts: ConnectionCounts | None = None
        self._listening: list[socket.socket] = []
        self._coming: set[asyncio.Task[None]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        if not sockets or SHARED_FOLDER not in os.environ:
            await super().startup(sockets)
            return
        await super().startup([])
        self._counts = ConnectionCounts(Path(os.environ[SHARED_FOLDER], COUNTS_FILE))
        self._publish()
        self._listening = sockets
        for listener in sockets:
            listener.setblocking(False)
            self._listen(listener)

    async def on_tick(self, counter: int) -> bool:
        """Do what is done ten times a second; connections that have ended are counted off here."""
        self._publish()
        if counter % TICKS_PER_LOOK == 0:
            self._idle.end(list(self.server_state.connections), time.monotonic())
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop to listen, and end once all that was asked is answered."""
        if self._counts:
            loop = asyncio.get_running_loop()
            for listener in self._listening:
                loop.remove_reader(listener)
            self._listening = []
            self._counts.leave()
            self._counts = None
            if self._coming:
                await asyncio.wait(self._coming, timeout=COMING_S)
            for task in self._coming:
                task.cancel()
        await super().shutdown(sockets)

    def _listen(self, listener: socket.socket) -> None:
        if listener in self._listening:
            asyncio.get_running_loop().add_reader(listener, self._take_share, listener)

    def _pause(self, listener: socket.socket, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(listener)
        loop.call_later(seconds, self._take_one, listener)

    def _take_share(self, listener: socket.socket) -> None:
        """Accept what waits, for as long as no other worker has fewer connections."""
        while self._counts and self._publish() <= self._counts.least_of_others():
            if not self._accept(listener):
                return
        self._pause(listener, LEAVE_S)

    def _take_one(self, listener: socket.socket) -> None:
        """Accept one connection that was left to others and that none of them has taken, and go on listening."""
        self._listen(listener)
        if listener in self._listening:
            self._accept(listener)

    def _accept(self, listener: socket.socket) -> bool:
        """Return whether a connection was there to be accepted."""
        try:
            connection, _ = listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False
        except OSError as error:
            if error.errno not in NO_MORE_FILES:
                raise
            log.error("no connection can be accepted (%s); trying again in %g s", error.strerror, RETRY_S)
            self._pause(listener, RETRY_S)
            return False
        connection.setblocking(False)
        task = asyncio.get_running_loop().create_task(self._connect(connection))
        self._coming.add(task)
        task.add_done_callback(self._coming.discard)
        return True

    async def _connect(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        # A client that breaks off its TLS handshake is no more than that.
        with suppress(OSError):
            await loop.connect_accepted_socket(self._make_protocol, connection, ssl=self.config.ssl)

    def _make_protocol(self) -> asyncio.Protocol:
        make: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = make(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol

    def _publish(self) -> int:
        """Tell the other workers how many connections this one has, and return it."""
        count = len(self.server_state.connections) + len(self._coming) if self._counts else 0
        if self._counts:
            self._counts.publish(count)
        return count


class ConnectionCounts:
    """How many connections each worker has, in a file that all of them map.

    A worker holds its place in the file by a lock, which the kernel takes back however the worker ends.
    """

    def __init__(self, path: Path) -> None:
        """Take a place in the file at `path`, which is made if there is none."""
        self._file = path.open("a+b")
        self._file.truncate(MOST_WORKERS * COUNT_BYTES)
        self._place = self._claim()
        # One more than the connections; 0 where there is no worker.
        self._shared = memoryview(mmap.mmap(self._file.fileno(), MOST_WORKERS * COUNT_BYTES)).cast("I")

    def publish(self, count: int) -> None:
        """Say how many connections this worker has."""
        self._shared[self._place] = count + 1

    def least_of_others(self) -> float:
        """Return how many connections the other worker has that has fewest; infinity where there is no other."""
        others = (shown - 1 for place, shown in enumerate(self._shared) if shown and place != self._place)
        return min(others, default=math.inf)

    def leave(self) -> None:
        """Give the place back: this worker takes no more connections."""
        self._shared[self._place] = 0
        self._file.close()

    def _claim(self) -> int:
        for place in range(MOST_WORKERS):
            with suppress(OSError):
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, COUNT_BYTES, place * COUNT_BYTES)
                return place
        self._file.close()
        raise OSError(errno.EUSERS, f"more than {MOST_WORKERS} workers share {self._file.name}")
