"""Connections on which nothing is asked: as many as the system allows, and none for long.

It exists because uvicorn waits for ever for the head of a request, and for a client that does not take its answer,
while a process may open a limited number of files: a thousand silent clients would keep out all others.
"""

import resource
from collections.abc import Iterable
from contextlib import suppress
from typing import Any


def allow_open_files() -> None:
    """Let this process open as many files as it may allow itself; each connection is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # systems that allow less than they say
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class IdleConnections:
    """Ends connections of uvicorn that have been without a request for too long.

    A request is under way from the end of its head to the end of its answer; how long it may take is the gate's.
    """

    def __init__(self, limit_s: float) -> None:
        """Let a connection be without a request for `limit_s` seconds."""
        self._limit_s = limit_s
        # Since when, and the request before, which tells that another one came and went between two looks.
        self._since: dict[Any, tuple[Any, float]] = {}

    def end(self, connections: Iterable[Any], now_s: float) -> None:
        """Look at the connections at the time `now_s`, and end those whose time is over."""
        before, self._since = self._since, {}
        for connection in connections:
            last = getattr(connection, "cycle", None)
            # What is closing has still to send an answer, which its client may never take.
            if last is not None and not (last.response_complete or connection.transport.is_closing()):
                continue
            known, since_s = before.get(connection, (None, now_s))
            self._since[connection] = (last, since_s if known is last else now_s)
            if now_s - self._since[connection][1] > self._limit_s:
                connection.transport.abort()
