"""`eyespot gather` against a small server that misbehaves as each test tells it."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Event, Thread

import pytest
from PIL import Image

from edge.arguments import DONE, NOTHING_DONE, SOME_FAILED
from eyespot.cli import main
from tests.full_disk import full_behind


@dataclass(frozen=True)
class Reply:
    """`announced` is the length that the server claims, None for the true one; `dribbles` sends a head byte by byte."""

    status: int = 200
    content: bytes = b""
    kind: str = "image/png"
    headers: dict[str, str] = field(default_factory=dict)
    announced: int | None = None
    dribbles: bool = False


class BadServer(ThreadingHTTPServer):
    """Gives one reply for each request, the last one for all that follow."""

    daemon_threads = True

    def __init__(self, replies: tuple[Reply, ...], robots: Reply) -> None:
        self.replies, self.robots, self.asked, self.ended = list(replies), robots, list[str](), Event()
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/picture"


class _Handler(BaseHTTPRequestHandler):
    server: BadServer

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        replies = self.server.replies
        reply = self.server.robots if self.path == "/robots.txt" else replies.pop(0) if replies[1:] else replies[0]
        self.send_response(reply.status)
        self.flush_headers()
        while reply.dribbles and not self.server.ended.wait(0.05):
            self.wfile.write(b"X")
        length = len(reply.content) if reply.announced is None else reply.announced
        for name, value in (reply.headers | {"Content-Type": reply.kind, "Content-Length": str(length)}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(*replies: Reply, robots: Reply = Reply(404)) -> Iterator[BadServer]:
    with BadServer(replies, robots) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.ended.set()
        server.shutdown()


def picture(level: int) -> Reply:
    Image.new("L", (9, 6), level).save(stream := BytesIO(), "png")
    return Reply(content=stream.getvalue())


def gather(server: BadServer, folder: Path, count: int, *more: str) -> int:
    options = ["--output", str(folder), "--count", str(count), "--delay", "0", "--retries", "1", "--timeout", "0.5"]
    return main(["gather", server.url, *options, *more])


def kept(folder: Path) -> list[bytes]:
    """The pictures in the order of their lines, each of which must be true."""
    lines = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
    contents = [(folder / line["file"]).read_bytes() for line in lines]
    assert [line["sha256"] for line in lines] == [hashlib.sha256(content).hexdigest() for content in contents]
    assert {path.name for path in folder.iterdir()} == {"manifest.jsonl", *(line["file"] for line in lines)}
    return contents


def test_pictures_are_kept_as_they_came_and_a_later_call_goes_on(tmp_path: Path) -> None:
    with serving(*map(picture, range(9))) as server:
        assert gather(server, tmp_path / "new", 2) == gather(server, tmp_path / "new", 5) == DONE
    assert gather(server, tmp_path / "new", 5) == DONE  # and asks nobody, who has gone
    assert kept(tmp_path / "new") == [picture(level).content for level in range(5)]
    assert server.asked.count("/picture") == 5
    line = json.loads((tmp_path / "new" / "manifest.jsonl").read_text().splitlines()[0])
    assert line["url"] == server.url


WHOLE = picture(1).content


@pytest.mark.parametrize(
    "useless",
    [
        Reply(content=WHOLE[:-20]),
        Reply(content=bytes(100_001)),
        Reply(content=WHOLE, announced=len(WHOLE) + 9),
        picture(2),
        replace(picture(1), dribbles=True),
        Reply(503, headers={"Retry-After": "0"}),
        Reply(302, headers={"Location": "http://localhost:1/elsewhere"}),
        Reply(302, headers={"Location": "/private/1"}),
    ],
)
def test_what_is_no_new_picture_is_passed_over(useless: Reply, tmp_path: Path) -> None:
    robots = Reply(content=b"User-agent: *\nDisallow: /private", kind="text/plain")
    with serving(picture(2), useless, picture(3), robots=robots) as server:
        assert gather(server, tmp_path, 2, "--max-bytes", "100000") == DONE
    assert kept(tmp_path) == [picture(2).content, picture(3).content]
    assert "/private/1" not in server.asked


@pytest.mark.parametrize(
    ("reply", "robots", "requests"),
    [
        (Reply(404), Reply(404), 2),
        (picture(1), Reply(content=b"User-agent: eyespot\nDisallow: /pic*e$"), 1),
        (Reply(503, headers={"Retry-After": "3600"}), Reply(404), 2),
        (Reply(content=b"no picture"), Reply(404), 21),
    ],
)
def test_where_nothing_is_to_be_had_nothing_is_left(
    reply: Reply, robots: Reply, requests: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(reply, robots=robots) as server:
        assert gather(server, tmp_path / "new", 2) == NOTHING_DONE
    assert len(server.asked) == requests
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert not (tmp_path / "new").exists()


def test_a_server_that_ends_and_a_disk_that_is_full_leave_what_there_is(tmp_path: Path) -> None:
    with serving(picture(1), Reply(410)) as server:
        assert gather(server, tmp_path / "one", 2) == SOME_FAILED
    assert kept(tmp_path / "one") == [WHOLE]
    large = Reply(content=picture(2).content + bytes(1 << 20))  # behind its end a PNG may have anything
    with serving(picture(1), large) as server, full_behind(1 << 20):
        assert gather(server, tmp_path / "two", 2) == SOME_FAILED
    assert kept(tmp_path / "two") == [WHOLE]


def test_the_delay_that_robots_txt_asks_for_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("training.gather.asyncio.sleep", sleep)
    with serving(picture(1), robots=Reply(content=b"User-agent: *\nCrawl-delay: 7")) as server:
        assert gather(server, tmp_path, 1) == DONE
    assert waited == [7]


def test_a_folder_of_something_else_is_left(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(b"mine")
    with serving(picture(1)) as server:
        assert gather(server, tmp_path, 1) == NOTHING_DONE
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_killed_it_goes_on(tmp_path: Path) -> None:
    with serving(picture(1), Reply(503, headers={"Retry-After": "500"}), picture(2)) as server:
        script = "import sys; from eyespot.cli import main; sys.exit(main(sys.argv[1:]))"
        command = [sys.executable, "-c", script, "gather", server.url, "--output", str(tmp_path), "--delay", "0"]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as run:
            while len(server.asked) < 3:
                assert run.poll() is None
            run.kill()
            run.wait(20)
        with (tmp_path / "manifest.jsonl").open("ab") as manifest:
            manifest.write(b'{"file": "0')  # as a kill may leave it
        assert gather(server, tmp_path, 2) == DONE
    assert kept(tmp_path) == [picture(1).content, picture(2).content]
