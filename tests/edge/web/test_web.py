"""What pages may load, held against digests that openssl gave; and who may ask a server on one's own machine."""

from http.server import BaseHTTPRequestHandler

import pytest

from edge.errors import UsageError
from edge.web import LocalServer, content_policy

# printf %s 'one()' | openssl dgst -sha256 -binary | openssl base64, and so on
ONE = "'sha256-HR7iaask9daLMRRskMI++QeJtjWDOjyPA6lGzYGzKW4='"
TWO = "'sha256-iMrPAWirDC2X0OhZzLsM2MRIWSmepJGI4r7D8ZlwBOw='"
STYLE_A = "'sha256-X1RutGBrXCt9KkSaXMK7tHftWiRscFHOhxsS8tv8hBk='"


def test_only_the_scripts_and_styles_of_the_page_may_run() -> None:
    policy = content_policy("<style>a{}</style><script>one()</script><p></p><script>two()</script>", "img-src 'self'")
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert directives["img-src"] == "'self'"
    assert directives["script-src"].split() == [ONE, TWO]
    assert directives["style-src"] == STYLE_A


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


def test_a_port_that_is_taken_is_refused() -> None:
    with LocalServer("127.0.0.1", 0, BaseHTTPRequestHandler) as first, pytest.raises(UsageError):
        LocalServer("127.0.0.1", first.server_address[1], BaseHTTPRequestHandler)
