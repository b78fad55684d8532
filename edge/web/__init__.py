"""Pages that eyespot serves on this machine: their server, style, light and dark, and Content-Security-Policy.

A page of another site could send requests here under its own host name (DNS rebinding), so a server on the loopback
answers only requests whose Host is the loopback.
"""

import base64
import hashlib
import re
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from urllib.parse import urlsplit

from edge.errors import UsageError

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
STYLE = files("edge.web").joinpath("style.css").read_text(encoding="utf-8").strip()
PLACE = "/* house style */"  # of the shared style, in the style of a page


class LocalServer(ThreadingHTTPServer):
    """An HTTP server on a host and port (0: any free one) at `url`. Raises UsageError where it cannot listen there."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, host: str, port: int, handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.local = host in LOOPBACK_NAMES
        shown = f"[{host}]" if ":" in host else host
        try:
            super().__init__((host, port), handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UsageError(f"cannot listen on http://{shown}:{port} ({reason}); choose another port") from None
        self.url = f"http://{shown}:{self.server_address[1]}/"

    def server_bind(self) -> None:
        """Bind the address. The parent's method asks for the name of this machine, which may take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # for a restart at once
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def handle_error(self, request: object, client_address: object) -> None:
        """Print the error of a request, except for a browser that went away."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    def admits(self, host_header: str | None) -> bool:
        """Return whether a request with this Host header may be answered."""
        try:
            return not self.local or urlsplit(f"//{host_header or ''}").hostname in LOOPBACK_NAMES
        except ValueError:  # half an IPv6 address
            return False


def with_style(page: str) -> str:
    """Return `page`, HTML, with the shared style in its place."""
    return page.replace(PLACE, STYLE)


def content_policy(page: str, media: str) -> str:
    """Return a policy that lets `page` run its own scripts and styles, and load what the directives `media` allow."""

    def digests(tag: str) -> str:
        found = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(t.encode()).digest()).decode()}'" for t in found)

    return (
        f"default-src 'none'; script-src {digests('script')}; style-src {digests('style')}; {media}; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
