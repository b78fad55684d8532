"""A server that answers as a test tells it: one answer for each request, the last one for all that follow."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

from training.captcha.drawing import draw_captcha


@dataclass(frozen=True)
class Reply:
    """`announced` is the length that the server claims, None for the true one; `hangs` sends nothing behind it.

    `dribbles` sends as many bytes of a head one by one, each in good time, before the rest.
    """

    status: int = 200
    content: bytes = b""
    kind: str | None = "image/png"
    headers: dict[str, str] = field(default_factory=dict)
    announced: int | None = None
    hangs: bool = False
    dribbles: int = 0


class BadServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, replies: Sequence[Reply], robots: Reply) -> None:
        self.replies, self.robots = list(replies), robots
        self.asked: list[tuple[str, str]] = []
        self.dribbled = 0
        self.released = Event()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/picture"


class _Handler(BaseHTTPRequestHandler):
    server: BadServer

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["User-Agent"]))
        replies = self.server.replies
        reply = self.server.robots if self.path == "/robots.txt" else replies.pop(0) if replies[1:] else replies[0]
        self.send_response(reply.status)
        self.flush_headers()
        for byte in b"X".ljust(reply.dribbles, b"-") + b": 1\r\n" if reply.dribbles else b"":
            self.wfile.write(bytes([byte]))
            self.server.dribbled += 1
            if self.server.released.wait(0.05):
                return
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.kind:
            self.send_header("Content-Type", reply.kind)
        self.send_header("Content-Length", str(len(reply.content) if reply.announced is None else reply.announced))
        self.end_headers()
        self.wfile.write(reply.content)
        if reply.hangs:
            self.wfile.flush()
            self.server.released.wait(20)

    def log_message(self, *_: object) -> None:
        pass


NO_ROBOTS = Reply(404)


@contextmanager
def serving(*replies: Reply, robots: Reply = NO_ROBOTS) -> Iterator[BadServer]:
    with BadServer(replies, robots) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.released.set()
        server.shutdown()


def picture(number: int) -> Reply:
    return Reply(content=draw_captcha(9, number).encode())
