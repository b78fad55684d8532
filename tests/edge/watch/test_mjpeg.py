"""MJPEG as different cameras send it, each picture against what was sent."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import numpy as np
import pytest

from edge.decode import decode_image
from edge.errors import SourceError
from edge.watch.mjpeg import MjpegStream, open_mjpeg
from tests.edge.watch.streams import jpeg

PICTURES = [jpeg(10), jpeg(200, 30, 40), jpeg(90)]
TIMEOUT_S = 5


@contextmanager
def answering(
    body: bytes, kind: str = "multipart/x-mixed-replace; boundary=frame", status: int = 200, **more: str
) -> Iterator[tuple[str, dict[str, str]]]:
    """A server that gives one answer; yields its address and the headers that it was asked with."""
    asked: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.update(self.headers.items())
            self.send_response(status)
            for name, value in {"Content-Type": kind, **more}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        yield f"127.0.0.1:{server.server_port}/stream", asked
        thread.join()


def with_length(picture: bytes) -> bytes:
    return b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(picture), picture)


def without_length(picture: bytes) -> bytes:
    return b"--frame\r\nContent-Type: image/jpeg\r\n\r\n" + picture + b"\r\n"


def bare_lines(picture: bytes) -> bytes:
    return b"--frame\ncontent-length:%d\n\n%s\n" % (len(picture), picture)


def opened(address: str) -> MjpegStream:
    stream = open_mjpeg(f"http://{address}", "camera", TIMEOUT_S)
    assert stream
    return stream


@pytest.mark.parametrize("part", [with_length, without_length, bare_lines])
@pytest.mark.parametrize("boundary", ["frame", "--frame", '"frame"'])
def test_every_picture_comes_at_its_own_size(part: Callable[[bytes], bytes], boundary: str) -> None:
    body = b"".join(map(part, PICTURES)) + b"--frame--\r\n"
    with answering(body, f"multipart/x-mixed-replace;boundary={boundary}") as (address, _):
        stream = opened(address)
        for picture in PICTURES:
            found = stream.read()
            assert found
            assert np.array_equal(found.pixels, decode_image(picture).pixels)
        assert stream.read() is None
        stream.release()


def test_a_picture_that_was_cut_short_is_none_and_the_next_is_read() -> None:
    body = b"".join(map(with_length, (PICTURES[0][:-30], PICTURES[1])))
    with answering(body) as (address, _):
        stream = opened(address)
        assert stream.read() is None
        found = stream.read()
        assert found
        assert found.pixels.shape == (30, 40, 3)
        stream.release()


@pytest.mark.parametrize("body", [b"", b"--frame", b"--frame\r\nContent-Length: 99999999999999\r\n\r\n", b"\xff" * 999])
def test_what_is_no_stream_gives_nothing(body: bytes) -> None:
    with answering(body) as (address, _):
        stream = opened(address)
        assert stream.read() is None
        stream.release()


def test_name_and_password_are_sent_and_the_password_is_not_in_the_path() -> None:
    with answering(with_length(PICTURES[0])) as (address, asked):
        stream = open_mjpeg(f"http://me:s%3Acret@{address}", "camera", TIMEOUT_S)
        assert stream
        assert stream.read()
        stream.release()
    assert asked["Authorization"] == "Basic bWU6czpjcmV0"  # base64 of me:s:cret
    assert "@" not in asked["Host"]


def test_the_password_goes_to_the_camera_alone_wherever_it_sends_us() -> None:
    with (
        answering(with_length(PICTURES[0])) as (elsewhere, asked_there),
        answering(b"", status=302, Location=f"http://{elsewhere}") as (address, asked),
    ):
        stream = open_mjpeg(f"http://me:secret@{address}", "camera", TIMEOUT_S)
        assert stream
        stream.release()
    assert asked["Authorization"] == "Basic bWU6c2VjcmV0"  # base64 of me:secret
    assert "Host" in asked_there
    assert "Authorization" not in asked_there


@pytest.mark.parametrize(("kind", "status"), [("video/mp4", 200), ("text/html", 401)])
def test_anything_else_is_left_to_opencv(kind: str, status: int) -> None:
    with answering(b"", kind, status) as (address, _):
        assert open_mjpeg(f"http://{address}", "camera", TIMEOUT_S) is None


def test_an_error_of_the_camera_is_one_line() -> None:
    expected = pytest.raises(SourceError, match=r"^camera: the camera answers with status 404 \(Not Found\)$")
    with answering(b"", status=404) as (address, _), expected:
        open_mjpeg(f"http://{address}", "camera", TIMEOUT_S)


@pytest.mark.parametrize(
    "url", ["http://[abc/stream", "http://127.0.0.1:9/str\xf6me", "http://.abc/", "http://me:secret@a\u2100.b/"]
)
def test_an_address_that_cannot_be_is_one_line_without_the_password(url: str) -> None:
    expected = r"^camera: no camera can have this address; look at the host, and write what is not ASCII as %XX$"
    with pytest.raises(SourceError, match=expected):
        open_mjpeg(url, "camera", TIMEOUT_S)
