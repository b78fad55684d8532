"""The live page, asked over HTTP: pictures, how live they are, and who may look."""

import http.client
import json
from collections.abc import Iterator
from contextlib import closing

import cv2
import numpy as np
import pytest

from edge.watch.viewer import Viewer
from tests.edge.watch.videos import grey

LOSS = 3


@pytest.fixture
def viewer() -> Iterator[Viewer]:
    with closing(Viewer("127.0.0.1", 0)) as viewer:
        yield viewer


def get(viewer: Viewer, path: str, host: str | None = None) -> tuple[http.client.HTTPResponse, bytes]:
    address = viewer.url.removeprefix("http://").removesuffix("/")
    with closing(http.client.HTTPConnection(address, timeout=10)) as connection:
        connection.request("GET", path, headers={"Host": host or address})
        answer = connection.getresponse()
        return answer, answer.read()


def test_the_page_loads_nothing_from_elsewhere(viewer: Viewer) -> None:
    answer, body = get(viewer, "/")
    assert (answer.status, answer.getheader("Content-Type")) == (200, "text/html; charset=utf-8")
    assert b"frame.jpg" in body
    assert b"http" not in body
    assert "default-src 'none'" in (answer.getheader("Content-Security-Policy") or "")


def test_the_newest_frame_comes_in_its_colours_with_its_number_and_status(viewer: Viewer) -> None:
    assert get(viewer, "/frame.jpg")[0].status == 204
    red = np.zeros((48, 64, 3), np.uint8)
    red[:, :, 0] = 200
    viewer.publish(lambda: grey(10), dict)
    viewer.publish(lambda: red, lambda: {"text": "Katze äöü", "lost": False})
    answer, body = get(viewer, "/frame.jpg?after=1")
    picture = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert np.abs(picture.mean((0, 1)) - [200, 0, 0]).max() <= LOSS
    assert answer.getheader("X-Frame") == "2"
    assert json.loads(answer.getheader("X-Status") or "") == {"text": "Katze äöü", "lost": False}


def test_without_a_newer_frame_there_is_the_status_alone(viewer: Viewer) -> None:
    viewer.publish(lambda: grey(10), lambda: {"text": "no connection", "lost": True})
    answer, body = get(viewer, "/frame.jpg?after=1")
    assert (answer.status, body) == (204, b"")
    assert json.loads(answer.getheader("X-Status") or "")["lost"] is True


def test_nothing_is_drawn_while_nobody_looks_and_once_for_all_who_do(viewer: Viewer) -> None:
    drawn: list[int] = []

    def draw() -> np.ndarray:
        drawn.append(1)
        return grey(9)

    for _ in range(20):
        viewer.publish(draw, dict)
    assert drawn == []
    for _ in range(3):
        get(viewer, "/frame.jpg")
    assert drawn == [1]


@pytest.mark.parametrize(("host", "status"), [("localhost:9999", 204), ("[::1]:80", 204), ("evil.example", 403)])
def test_a_page_elsewhere_cannot_look_through_the_camera(viewer: Viewer, host: str, status: int) -> None:
    assert get(viewer, "/frame.jpg", host)[0].status == status
