"""An HTTP server of the standard library for a page on one's own machine, and who may ask it.

A page on another site could reach a server on this machine by a name of its own that leads here (DNS rebinding), so a
server that listens on the loopback answers only where the request names the loopback.
"""

import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from edge.errors import UsageError

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class LocalServer(ThreadingHTTPServer):
    """An HTTP server that listens on a host and port (0: any free one) as `url`.

    Raises UsageError where that address cannot be had.
    """

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
            raise UsageError(f"http://{shown}:{port} cannot be listened on ({reason}); choose another port") from None
        self.url = f"http://{shown}:{self.server_address[1]}/"

    def server_bind(self) -> None:
        """Bind the address, without asking the name service who this machine is: that may take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # or a restart would wait for a minute
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say what went wrong with a request, unless a browser merely went away."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    def admits(self, host_header: str | None) -> bool:
        """Return whether a request with this Host header may be answered."""
        if not self.local:
            return True
        try:
            return urlsplit(f"//{host_header or ''}").hostname in LOOPBACK_NAMES
        except ValueError:  # half an IPv6 address
            return False
