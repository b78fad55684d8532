"""The live page, asked over HTTP: pictures, status, and who may look."""

import http.client
import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.request import urlopen

import cv2
import numpy as np
import pytest

from edge.errors import UsageError
from edge.watch import viewer as module
from edge.watch.mjpeg import open_mjpeg
from edge.watch.viewer import Viewer
from tests.edge.watch.videos import grey

LOSS = 3


@pytest.fixture
def viewer() -> Iterator[Viewer]:
    with Viewer("127.0.0.1", 0) as viewer:
        yield viewer


def show(viewer: Viewer, level: int, **status: object) -> None:
    viewer.publish(lambda: grey(level), datetime.now(UTC), lambda: status)


def get(viewer: Viewer, path: str, host: str | None = None) -> tuple[int, str, bytes]:
    address = viewer.url.removeprefix("http://").removesuffix("/")
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request("GET", path, headers={"Host": host or address})
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type", ""), answer.read()
    finally:
        connection.close()


def test_the_page_names_what_it_loads(viewer: Viewer) -> None:
    status, kind, body = get(viewer, "/")
    assert (status, kind) == (200, "text/html; charset=utf-8")
    assert b'src="stream"' in body
    assert b"http" not in body.replace(b"http-equiv", b"")  # nothing comes from elsewhere


def test_a_single_frame_is_the_newest_in_its_colours(viewer: Viewer) -> None:
    assert get(viewer, "/frame.jpg")[0] == 503
    show(viewer, 10)
    red = np.zeros((48, 64, 3), np.uint8)
    red[:, :, 0] = 200
    viewer.publish(lambda: red, datetime.now(UTC), dict)
    status, kind, body = get(viewer, "/frame.jpg")
    assert (status, kind) == (200, "image/jpeg")
    picture = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert np.abs(picture.mean((0, 1)) - [200, 0, 0]).max() <= LOSS


def test_the_stream_shows_each_frame_that_is_published(viewer: Viewer) -> None:
    show(viewer, 10)
    stream = open_mjpeg(f"{viewer.url}stream", "viewer", 10)
    assert stream
    for level in (10, 90, 250):
        show(viewer, level)
        while abs((found := stream.read()).pixels.mean() - level) > LOSS:  # type: ignore[union-attr]
            assert found  # the one before
    stream.release()


def test_a_frame_that_none_follows_comes_twice_or_browsers_would_not_show_it(viewer: Viewer) -> None:
    show(viewer, 10)
    with urlopen(f"{viewer.url}stream", timeout=10) as stream:
        assert stream.readline().strip() == b""
        mark = stream.readline()
        assert mark == b"--eyespot-frame\r\n"
        pictures = []
        for _ in range(2):
            head = [stream.readline() for _ in range(3)]
            pictures.append(stream.read(int(head[1].split(b":")[1])))
            assert stream.readline() + stream.readline() == b"\r\n" + mark
        assert cv2.imdecode(np.frombuffer(pictures[0], np.uint8), cv2.IMREAD_COLOR) is not None
        assert pictures[0] == pictures[1]


def test_nothing_is_drawn_while_nobody_looks(viewer: Viewer) -> None:
    drawn: list[int] = []

    def draw() -> np.ndarray:
        drawn.append(1)
        return grey(9)

    for _ in range(20):
        viewer.publish(draw, datetime.now(UTC), dict)
    assert drawn == []
    for _ in range(3):
        get(viewer, "/frame.jpg")
    assert drawn == [1]  # once for all who look


def test_the_status_says_how_old_the_picture_is(viewer: Viewer) -> None:
    assert json.loads(get(viewer, "/status")[2]) == {"age_s": None}
    long_ago = datetime.now(UTC) - timedelta(seconds=100)
    viewer.publish(lambda: grey(1), long_ago, lambda: {"state": "cat", "connected": False})
    status = json.loads(get(viewer, "/status")[2])
    assert (status["state"], status["connected"]) == ("cat", False)
    assert 100 <= status["age_s"] < 200


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost", 200), ("localhost:9999", 200), ("127.0.0.1:80", 200), ("[::1]:80", 200), ("evil.example", 403)],
)
def test_a_page_elsewhere_cannot_look_through_the_camera(viewer: Viewer, host: str, status: int) -> None:
    assert get(viewer, "/status", host)[0] == status


def test_another_path_or_method_is_refused(viewer: Viewer) -> None:
    assert get(viewer, "/../etc/passwd")[0] == 404
    address = viewer.url.removeprefix("http://").removesuffix("/")
    connection = http.client.HTTPConnection(address, timeout=10)
    connection.request("POST", "/")
    assert connection.getresponse().status == 501
    connection.close()


def test_only_so_many_may_look(viewer: Viewer, monkeypatch: pytest.MonkeyPatch) -> None:
    show(viewer, 10)
    streams = [open_mjpeg(f"{viewer.url}stream", "viewer", 10) for _ in range(module.MOST_VIEWERS)]
    assert all(stream and stream.read() for stream in streams)
    assert get(viewer, "/stream")[0] == 503
    for stream in streams:
        assert stream
        stream.release()


def test_the_end_ends_all_streams() -> None:
    with Viewer("127.0.0.1", 0) as viewer:
        show(viewer, 10)
        stream = open_mjpeg(f"{viewer.url}stream", "viewer", 10)
        assert stream
        assert stream.read()
    assert sum(1 for _ in iter(stream.read, None)) <= 1  # the last one may come twice
    stream.release()
    with pytest.raises(OSError, match="refused"):
        get(viewer, "/")


def test_a_restart_gets_its_port_back_at_once() -> None:
    port = 0
    for _ in range(3):
        with Viewer("127.0.0.1", port) as viewer:
            show(viewer, 10)
            stream = open_mjpeg(f"{viewer.url}stream", "viewer", 10)
            assert stream
            assert stream.read()  # a connection that the server closes first lingers
            port = int(viewer.url.rstrip("/").rpartition(":")[2])
        assert sum(1 for _ in iter(stream.read, None)) <= 1
        stream.release()


def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UsageError, match=rf"^http://127\.0\.0\.1:{port} cannot be listened on \(Address"):
            Viewer("127.0.0.1", port)
