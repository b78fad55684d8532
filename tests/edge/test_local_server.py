"""Who may ask a server on one's own machine; the pages themselves are tested where they are served."""

from http.server import BaseHTTPRequestHandler

import pytest

from edge.errors import UsageError
from edge.local_server import LocalServer


@pytest.mark.parametrize(
    ("header", "admitted"),
    [
        *((name, True) for name in ("localhost:8", "LOCALHOST", "127.0.0.1", "[::1]:80")),
        *((name, False) for name in ("rebound.example:8", "localhost.example", "127.0.0.1.example", "[::1", "", None)),
    ],
)
def test_a_server_of_this_machine_knows_its_names(header: str | None, admitted: bool) -> None:
    with LocalServer("127.0.0.1", 0, BaseHTTPRequestHandler) as server:
        assert server.url == f"http://127.0.0.1:{server.server_address[1]}/"
        assert server.admits(header) == admitted


def test_one_that_others_may_reach_cannot_know_its_names() -> None:
    with LocalServer("0.0.0.0", 0, BaseHTTPRequestHandler) as server:
        assert server.admits("camera.example")


def test_a_port_that_is_taken_is_said_in_one_line() -> None:
    with LocalServer("127.0.0.1", 0, BaseHTTPRequestHandler) as first, pytest.raises(UsageError, match="in use"):
        LocalServer("127.0.0.1", first.server_address[1], BaseHTTPRequestHandler)
