"""The server over HTTP: who is let in, what each request answers, and what went wrong, by its status."""

import http.client
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.errors import UsageError
from tests.edge.regions.drawn_glyphs import hershey
from tests.training.annotate.conftest import served
from tests.training.annotate.sittings import glyph_crops, labelled
from training.annotate.journal import NAME
from training.annotate.server import MOST_BODY_BYTES, PAGE, Server
from training.annotate.session import Session


@pytest.fixture
def server(session: Session, codes: Path) -> Iterator[Server]:
    with served(session, codes) as server:
        yield server


def ask(server: Server, method: str, path: str, body: object = None, **headers: str | None) -> tuple[int, str, bytes]:
    address = server.url.removeprefix("http://").removesuffix("/")
    own: dict[str, str | None] = {"Host": address}
    if method == "POST":
        own |= {"Origin": f"http://{address}", "Content-Type": "application/json"}
    sent = {
        name: value
        for name, value in (own | {k.replace("_", "-"): v for k, v in headers.items()}).items()
        if value is not None
    }
    content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request(method, path, content, sent)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type", ""), answer.read()
    finally:
        connection.close()


def screen(server: Server, path: str = "/screen") -> dict[str, Any]:
    status, _, body = ask(server, "GET", path)
    assert status == 200
    found: dict[str, Any] = json.loads(body)
    return found


def answer_to(found: dict[str, Any], label: str | None, **changes: Any) -> dict[str, Any]:
    aim = {"item": found["index"], "key": found["key"], "seen": found["number"]}
    state = "ignored" if label is None else "labelled"
    return {"aim": aim, "state": state, "label": label, "whole_picture": False} | changes


def test_the_page_loads_nothing_from_elsewhere_and_may_not(server: Server) -> None:
    status, kind, body = ask(server, "GET", "/")
    assert (status, kind, body.decode()) == (200, "text/html; charset=utf-8", PAGE)
    assert re.search(r"https?:|//[a-z]|@import|url\(", PAGE) is None
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
    connection.request("GET", "/")
    policy = connection.getresponse().getheader("Content-Security-Policy") or ""
    connection.close()
    assert "default-src 'none'" in policy
    assert "img-src 'self' data:" in policy
    assert "unsafe" not in policy


def test_an_answer_is_on_the_disk_before_the_next_screen_is_there(server: Server, output: Path) -> None:
    first = screen(server)
    assert (first["index"], first["items"], first["progress"]["left"], first["progress"]["last"]) == (0, 8, 8, 0)
    assert (first["picture"], first["part"], first["parts"], first["state"]) == ("000.png", 1, 4, "open")
    status, kind, body = ask(server, "POST", "/answer", answer_to(first, "7"))
    assert (status, kind) == (200, "application/json")
    written = json.loads((output / NAME).read_text().splitlines()[-1])
    assert (written["label"], written["file"]) == ("7", "7/000001.png")
    assert [label for label, _ in labelled(output)] == ["7"]
    second = json.loads(body)
    assert (second["index"], second["progress"]["left"], second["progress"]["last"]) == (1, 7, 1)
    assert second["progress"]["labels"] == [{"label": "7", "count": 1}]
    status, _, body = ask(server, "POST", "/undo", {"last": 1})
    assert (status, json.loads(body)["index"], labelled(output)) == (200, 0, [])
    status, _, body = ask(server, "POST", "/answer", answer_to(json.loads(body), None, whole_picture=True))
    assert (json.loads(body)["index"], json.loads(body)["progress"]["ignored"]) == (4, 4)


def test_the_pictures_are_the_item_and_what_is_around_it(server: Server) -> None:
    found = screen(server, "/screen?item=2")
    pixels = {}
    for name in ("crop", "picture"):
        status, kind, body = ask(server, "GET", f"/{name}?item=2&key={found['key']}")
        assert (status, kind) == (200, "image/png")
        pixels[name] = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(pixels["crop"], glyph_crops(hershey("7391"))[2])
    assert np.array_equal(pixels["picture"], hershey("7391"))


def test_what_stays_the_same_is_told_once(server: Server) -> None:
    about = json.loads(ask(server, "GET", "/about")[2])
    assert about == {"noun": "glyph", "choices": [], "typed": "key", "unreadable": [], "empty": []}


@pytest.mark.parametrize("path", ["/nothing", "/../../etc/passwd", "/dataset/7/000001.png", "/page.html"])
def test_there_is_nothing_else_to_get(server: Server, path: str) -> None:
    status, kind, body = ask(server, "GET", path)
    assert (status, kind, json.loads(body)) == (404, "application/json", {"error": "there is no such page"})
    assert ask(server, "POST", path, {})[0] == 404
    assert ask(server, "PUT", path)[0] == 501


@pytest.mark.parametrize("item", ["8", "-1", "x", "", "%2e%2e", "9" * 30, "٣"])
def test_an_item_that_is_not_there_is_named(server: Server, item: str) -> None:
    from urllib.parse import quote

    status, _, body = (
        ask(server, "GET", f"/screen?item={quote(item, safe='%')}") if item else ask(server, "GET", "/crop")
    )
    assert status == 400
    assert json.loads(body)["error"].startswith("item must be 0 to 7. Received: ")


def test_a_picture_of_an_earlier_start_is_not_shown_for_another(server: Server) -> None:
    assert ask(server, "GET", "/crop?item=0&key=other")[0] == 409


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:9999", 200),
        ("127.0.0.1", 200),
        ("[::1]:8", 200),
        ("evil.example", 403),
        ("localhost.evil.example", 403),
        ("[::1", 403),
        ("", 403),
    ],
)
def test_a_name_that_is_not_ours_is_refused(server: Server, host: str, status: int) -> None:
    assert ask(server, "GET", "/screen", Host=host)[0] == status
    origin = {"Origin": f"http://{host}", "Host": host}
    assert ask(server, "POST", "/undo", {"last": 3}, **origin)[0] == {200: 409, 403: 403}[status]


@pytest.mark.parametrize(
    "origin", [None, "null", "http://evil.example", "http://localhost:1", "http://[::1", "file://"]
)
def test_another_page_cannot_answer(server: Server, output: Path, origin: str | None) -> None:
    status, _, _ = ask(server, "POST", "/answer", answer_to(screen(server), "7"), Origin=origin)
    assert (status, labelled(output)) == (403, [])


def test_a_stale_answer_is_a_conflict(server: Server, output: Path) -> None:
    first = screen(server)
    assert ask(server, "POST", "/answer", answer_to(first, "7"))[0] == 200
    status, _, body = ask(server, "POST", "/answer", answer_to(first, "1"))
    assert (status, json.loads(body)["error"]) == (
        409,
        "this one was labelled '7' in another tab meanwhile; answer again to change that",
    )
    assert ask(server, "POST", "/undo", {"last": 2})[0] == 409
    assert [label for label, _ in labelled(output)] == ["7"]


@pytest.mark.parametrize(
    "body",
    [b"", b"no json", b"[]", b"{}", b"[" * 20_000, b'{"aim": 1}', b"\xff"],
)
def test_a_body_that_is_none_is_refused(server: Server, body: bytes) -> None:
    status, _, answer = ask(server, "POST", "/answer", body)
    assert (status, json.loads(answer)["error"][:24]) == (400, "the body cannot be read:")
    assert ask(server, "POST", "/answer", body, Content_Type="text/plain")[0] == 415


@pytest.mark.parametrize(
    "changes",
    [
        {"label": None},
        {"state": "ignored"},
        {"whole_picture": True},
        {"label": None, "whole_picture": True},
    ],
    ids=str,
)
def test_an_answer_that_says_two_things_is_refused_and_changes_nothing(
    server: Server, output: Path, changes: dict[str, Any]
) -> None:
    before = screen(server)
    status, _, answer = ask(server, "POST", "/answer", answer_to(before, "7") | changes)
    assert (status, json.loads(answer)["error"][:24]) == (400, "the body cannot be read:")
    assert screen(server) == before
    assert len((output / NAME).read_text().splitlines()) == 1


def test_a_body_that_is_too_long_is_not_read(server: Server) -> None:
    assert ask(server, "POST", "/answer", b" " * 10, Content_Length=str(MOST_BODY_BYTES + 1))[0] == 413
    assert ask(server, "POST", "/answer", b" " * 10, Content_Length="x")[0] == 413
    assert ask(server, "POST", "/answer", b" " * 10, Content_Length="0" * 9 + str(1 << 40))[0] == 413


def test_a_label_that_cannot_be_is_told(server: Server, output: Path) -> None:
    status, _, body = ask(server, "POST", "/answer", answer_to(screen(server), "../../up"))
    assert status == 400
    assert json.loads(body)["error"].startswith("a label must be a possible name of a folder")
    assert labelled(output) == []


def test_a_picture_that_is_gone_is_told_and_can_be_ignored(server: Server, codes: Path) -> None:
    (codes / "000.png").unlink()
    found = screen(server)
    assert found["problem"] == "it cannot be shown: there is no such file"
    assert ask(server, "GET", f"/crop?item=0&key={found['key']}")[0] == 410
    assert ask(server, "POST", "/answer", answer_to(found, "7"))[0] == 410
    assert ask(server, "POST", "/answer", answer_to(found, None))[0] == 200


def test_a_disk_that_refuses_is_told_and_the_item_stays(server: Server, output: Path) -> None:
    (output / "7").write_bytes(b"a file where the class folder should be")
    found = screen(server)
    status, _, body = ask(server, "POST", "/answer", answer_to(found, "7"))
    assert status == 507
    assert json.loads(body)["error"].startswith("not saved: ")
    assert screen(server) == found


def test_an_address_that_is_taken_is_one_line(server: Server, session: Session) -> None:
    with pytest.raises(UsageError, match=r"cannot be listened on \(Address already in use\); choose another port"):
        Server("127.0.0.1", server.server_address[1], session, server.screens, server.pictures, server.about)


def test_one_connection_takes_many_requests(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
    for index in range(5):
        connection.request("GET", f"/screen?item={index}")
        assert json.loads(connection.getresponse().read())["index"] == index
    connection.close()
