"""The meeting of the workers, on loopback: all get the state, or all are told why not."""

import contextlib
import dataclasses
import json
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from edge.errors import UsageError, WorkerLostError
from training.cluster import Cluster
from training.meeting import meet
from training.state import Plan

PLAN = Plan("lenet", "00", seed=5, epochs=4, batch_size=8, options={"precision": "float32"})
STATE = bytes(range(256)) * 4000
PATIENCE_S = 30.0


def addresses(count: int) -> tuple[str, ...]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return tuple(f"127.0.0.1:{port + i}" for i in range(count))


def gather(*plans: Plan, spoil: Callable[[str], None] = lambda _: None) -> list["Future[bytes]"]:
    places = addresses(len(plans))
    with ThreadPoolExecutor(len(plans)) as pool:
        chief = pool.submit(meet, Cluster(places, 0), plans[0], STATE, PATIENCE_S, lambda _: spoil(places[0]))
        others = [
            pool.submit(meet, Cluster(places, i), plan, b"", PATIENCE_S, lambda _: None)
            for i, plan in enumerate(plans[1:], 1)
        ]
    return [chief, *others]


def calling(behave: Callable[[socket.socket], None]) -> Callable[[str], None]:
    """What calls an address and there behaves so, in a thread of its own."""

    def call(address: str) -> None:
        host, port = address.split(":")
        stranger = socket.create_connection((host, int(port)))
        threading.Thread(target=behave, args=(stranger,)).start()

    return call


def test_every_worker_gets_the_state_of_the_chief() -> None:
    assert [answer.result() for answer in gather(PLAN, PLAN, PLAN)] == [STATE] * 3


def test_all_are_told_what_one_does_otherwise() -> None:
    other = dataclasses.replace(PLAN, options={"precision": "mixed_bfloat16"})
    for answer in gather(PLAN, PLAN, other):
        with pytest.raises(UsageError, match="precision is 'float32' for the chief and 'mixed_bfloat16' for worker 2"):
            answer.result()


@pytest.mark.parametrize(
    "words",
    [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        b"{}\n",
        json.dumps({"worker": 9, "plan": None}).encode() + b"\n",
        b"[" * 100_000 + b"\n",
        b'{"worker":' * 50_000 + b"\n",
        b" " * (3 << 20),
    ],
    ids=lambda words: str(words[:12]),
)
def test_who_is_no_worker_is_not_let_in(words: bytes) -> None:
    def say(stranger: socket.socket) -> None:
        with stranger, contextlib.suppress(ConnectionError):
            stranger.sendall(words)

    assert [answer.result() for answer in gather(PLAN, PLAN, spoil=calling(say))] == [STATE] * 2


@pytest.mark.parametrize("word", [b"", b" "], ids=["silent", "slow"])
def test_a_stranger_is_not_listened_to_beyond_the_time(word: bytes) -> None:
    hung_up = threading.Event()

    def pester(stranger: socket.socket) -> None:
        """Say a word each 50 ms for 3 seconds, and note if the chief hangs up before the last."""
        with stranger, contextlib.suppress(ConnectionError):
            stranger.settimeout(0.05)
            for _ in range(60):
                stranger.sendall(word)
                with contextlib.suppress(TimeoutError):
                    if stranger.recv(1) == b"":
                        return hung_up.set()
            return None
        return hung_up.set()

    places = addresses(2)
    with pytest.raises(WorkerLostError, match=f"missing: {places[1]}"):
        meet(Cluster(places, 0), PLAN, b"", 0.2, lambda _: calling(pester)(places[0]))
    assert hung_up.wait(10)


def test_a_worker_that_does_not_come_is_named() -> None:
    places = addresses(3)
    with pytest.raises(WorkerLostError, match=f"missing: {places[1]}, {places[2]}"):
        meet(Cluster(places, 0), PLAN, b"", 0.1, lambda _: None)


def test_a_chief_that_does_not_answer_is_named() -> None:
    places = addresses(2)
    with pytest.raises(WorkerLostError, match=f"the chief at {places[0]} did not answer"):
        meet(Cluster(places, 1), PLAN, b"", 0.1, lambda _: None)


def test_a_port_that_is_taken_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        places = (f"127.0.0.1:{listener.getsockname()[1]}", "127.0.0.1:1")
        with pytest.raises(UsageError, match=f"the chief cannot listen at {places[0]}"):
            meet(Cluster(places, 0), PLAN, b"", 0.1, lambda _: None)
