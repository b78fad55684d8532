"""Bring the workers of one training together before TensorFlow connects them.

It exists because TensorFlow, left alone, waits an hour for a worker that never comes, deaf to Ctrl-C, and
trains happily on where two workers were started with different data or options. Here each worker tells the
chief its plan, over a plain socket on the address that TensorFlow uses afterwards; the chief compares, and
hands out the state of the training that is to be resumed, so that only the chief needs the run folder.

What is said: the worker its `Hello`, a line of JSON; the chief its `Welcome`, another, and behind it the state;
the worker `READY`; and the chief, once all are, `GO`.
"""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from edge.errors import UsageError, WorkerLostError
from training.cluster import Cluster
from training.state import Plan, difference

T = TypeVar("T")

READY, GO = b"ready\n", b"go\n"
LONGEST_LINE = 1 << 20
RETRY_S, CONNECT_S = 0.2, 5.0
# How long one answer may take of a worker that is there; a large state on a slow line is the longest.
ANSWER_S = 120.0


@dataclass(frozen=True)
class Hello:
    """Who is there, and what it was started to do."""

    worker: int
    plan: Plan


@dataclass(frozen=True)
class Welcome:
    """Why the training cannot begin, or "" and how many bytes of state follow."""

    problem: str
    state_bytes: int


class _Peer:
    """The other end of one connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.incoming = connection.makefile("rb")

    def say(self, message: Hello | Welcome, rest: bytes = b"") -> None:
        self.connection.sendall((json.dumps(msgspec.to_builtins(message)).encode() + b"\n") + rest)

    def hear(self, expected: type[T], ends_at: float) -> T:
        """Return one line of it. Raises OSError if that is not there by `ends_at`, ValueError if it is another."""
        line = bytearray()
        while not line.endswith(b"\n"):
            left_s = ends_at - time.monotonic()
            if left_s <= 0 or len(line) > LONGEST_LINE:
                raise TimeoutError("it did not come to its point")
            self.connection.settimeout(left_s)  # which is for one read: a word now and then must not do
            came = self.incoming.peek()
            if not came:
                raise ConnectionError("it hung up")
            line += self.incoming.read(came.find(b"\n") + 1 or len(came))
        found: T = msgspec.json.decode(bytes(line), type=expected)
        return found

    def close(self) -> None:
        self.incoming.close()
        self.connection.close()


def meet(cluster: Cluster, plan: Plan, state: bytes, timeout_s: float, report: Callable[[str], None]) -> bytes:
    """Return the chief's `state`, on every worker, once all of them are there; that of the others counts for nothing.

    Raises UsageError if plans differ, WorkerLostError if a worker does not come within `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    if cluster.is_chief:
        _receive(cluster, plan, state, deadline, report)
        return state
    return _visit(cluster, plan, deadline, report)


def _receive(cluster: Cluster, plan: Plan, state: bytes, deadline: float, report: Callable[[str], None]) -> None:
    peers: dict[int, tuple[_Peer, Plan]] = {}
    with _listen(cluster) as listener:
        try:
            report(f"waiting for {len(cluster.addresses) - 1} more workers at {cluster.addresses[0]}")
            while len(peers) < len(cluster.addresses) - 1:
                _admit(listener, cluster, peers, deadline)
            problem = next(
                (text for i, (_, theirs) in sorted(peers.items()) if (text := _compare(i, plan, theirs))), ""
            )
            _start(peers, Welcome(problem, len(state)), state)
        finally:
            for peer, _ in peers.values():
                peer.close()
    if problem:
        raise UsageError(problem)


def _listen(cluster: Cluster) -> socket.socket:
    try:
        # On every interface, as TensorFlow's own server will be.
        return socket.create_server(("", _port(cluster, 0)))
    except OSError as error:
        address = cluster.addresses[0]
        raise UsageError(f"the chief cannot listen at {address} ({error.strerror}); choose another port") from None


def _admit(listener: socket.socket, cluster: Cluster, peers: dict[int, tuple[_Peer, Plan]], deadline: float) -> None:
    """Take in one worker. Whoever else calls, a scanner or a worker of another training, is not answered."""
    left_s = deadline - time.monotonic()
    try:
        if left_s <= 0:
            raise TimeoutError
        listener.settimeout(left_s)
        connection, _ = listener.accept()
    except TimeoutError:
        absent = [address for i, address in enumerate(cluster.addresses) if i and i not in peers]
        raise WorkerLostError(
            f"not all workers came within the time of --worker-timeout; missing: {', '.join(absent)}"
        ) from None
    peer = _Peer(connection)
    try:
        hello = peer.hear(Hello, min(deadline, time.monotonic() + CONNECT_S))
    except (OSError, ValueError):
        peer.close()
        return
    if not 0 < hello.worker < len(cluster.addresses):
        peer.close()
        return
    if hello.worker in peers:  # it was started again
        peers[hello.worker][0].close()
    peers[hello.worker] = (peer, hello.plan)


def _compare(worker: int, ours: Plan, theirs: Plan) -> str | None:
    found = difference(ours, theirs)
    if found is None:
        return None
    name, mine, other = found
    return (
        f"all workers must be started with the same command and data: {name} is {mine!r} for the chief and {other!r} "
        f"for worker {worker}"
    )


def _start(peers: dict[int, tuple[_Peer, Plan]], welcome: Welcome, state: bytes) -> None:
    for worker, (peer, _) in peers.items():
        with _lost_if_it_fails(worker):
            peer.connection.settimeout(ANSWER_S)
            peer.say(welcome, b"" if welcome.problem else state)
    if welcome.problem:
        return
    for worker, (peer, _) in peers.items():
        with _lost_if_it_fails(worker):
            if peer.incoming.readline(LONGEST_LINE) != READY:
                raise ConnectionError("it hung up")
    for worker, (peer, _) in peers.items():
        with _lost_if_it_fails(worker):
            peer.connection.sendall(GO)


@contextmanager
def _lost_if_it_fails(worker: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WorkerLostError(f"worker {worker} stopped before the training began ({error}); start all again") from None


def _visit(cluster: Cluster, plan: Plan, deadline: float, report: Callable[[str], None]) -> bytes:
    report(f"worker {cluster.index}: waiting for the chief at {cluster.addresses[0]}")
    while True:
        try:
            return _call(cluster, plan, deadline)
        except (OSError, ValueError) as error:
            if isinstance(error, UsageError):
                raise
            if time.monotonic() >= deadline:
                raise WorkerLostError(
                    f"the chief at {cluster.addresses[0]} did not answer within the time of --worker-timeout ({error})"
                ) from None
            time.sleep(RETRY_S)


def _call(cluster: Cluster, plan: Plan, deadline: float) -> bytes:
    host = cluster.addresses[0].rpartition(":")[0]
    peer = _Peer(socket.create_connection((host, _port(cluster, 0)), CONNECT_S))
    try:
        peer.say(Hello(cluster.index, plan))
        patience_s = max(deadline - time.monotonic(), CONNECT_S) + ANSWER_S
        welcome = peer.hear(Welcome, time.monotonic() + patience_s)
        peer.connection.settimeout(patience_s)
        if welcome.problem:
            raise UsageError(welcome.problem)
        state = peer.incoming.read(welcome.state_bytes)
        peer.connection.sendall(READY)
        if len(state) != welcome.state_bytes or peer.incoming.readline(LONGEST_LINE) != GO:
            raise ConnectionError("it hung up")
        return state
    finally:
        peer.close()


def _port(cluster: Cluster, index: int) -> int:
    return int(cluster.addresses[index].rpartition(":")[2])
