"""Gathering from servers that misbehave; the pauses are written down, not waited for."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from edge.errors import SourceError
from tests.training.gather.bad_server import BadServer, Reply, picture, serving
from training.gather.collection import MANIFEST, Collection
from training.gather.patience import Patience
from training.gather.request import Limits
from training.gather.robots import read_robots
from training.gather.run import FRUITLESS_IN_A_ROW, Tally, gather

LIMITS = Limits(5.0, 100_000)
DELAY_S = 0.25


class Pauses(list[float]):
    """Every pause in order; none of them is really made."""

    def wait(self, seconds: float) -> bool:
        self.append(seconds)
        return False


def gather_from(
    server: BadServer, folder: Path, count: int, pauses: Pauses, limits: Limits = LIMITS, retries: int = 4
) -> Tally:
    tally = Tally()
    patience = Patience(retries, DELAY_S, pauses.wait, lambda _: None)
    with Collection(folder, server.url) as collection:
        robots = read_robots(server.url, 5.0)
        gather(collection, count, robots, limits, patience, tally, lambda: None)
    return tally


def test_pictures_are_kept_as_they_came_with_a_line_for_each(tmp_path: Path) -> None:
    with serving(*map(picture, (1, 2, 3))) as server:
        tally = gather_from(server, tmp_path, 3, pauses := Pauses())
    lines = [json.loads(line) for line in (tmp_path / MANIFEST).read_text().splitlines()]
    assert tally.new == 3
    assert pauses == [DELAY_S] * 3
    for number, line in enumerate(lines, 1):
        content = (tmp_path / f"{number:06}.png").read_bytes()
        assert content == picture(number).content
        assert (line["file"], line["bytes"]) == (f"{number:06}.png", len(content))
        assert line["sha256"] == hashlib.sha256(content).hexdigest()
        assert line["url"] == line["source"] == server.url
    assert all(agent.startswith("eyespot/") for _, agent in server.asked)


def test_a_busy_server_is_asked_later_and_later_and_as_it_says(tmp_path: Path) -> None:
    busy = [Reply(500), Reply(503), Reply(502), Reply(429, headers={"Retry-After": "7"}), picture(1)]
    with serving(*busy) as server:
        gather_from(server, tmp_path, 1, pauses := Pauses())
    assert pauses == [DELAY_S, 1.0, 2.0, 4.0, 7.0]


def test_a_server_that_stays_broken_is_given_up(tmp_path: Path) -> None:
    with serving(Reply(500)) as server, pytest.raises(SourceError, match="HTTP 500 Internal Server Error; asked 5"):
        gather_from(server, tmp_path, 1, pauses := Pauses())
    assert pauses == [DELAY_S, 1.0, 2.0, 4.0, 8.0]


def test_who_is_told_to_come_back_in_an_hour_is_told_so(tmp_path: Path) -> None:
    tired = Reply(503, headers={"Retry-After": "3600"})
    with serving(tired) as server, pytest.raises(SourceError, match="asked again in 3,600 seconds"):
        gather_from(server, tmp_path, 1, Pauses())
    assert len(server.asked) == 2


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_refusal_is_not_repeated(status: int, tmp_path: Path) -> None:
    with serving(Reply(status)) as server, pytest.raises(SourceError, match=f"HTTP {status}"):
        gather_from(server, tmp_path, 1, Pauses())
    assert [path for path, _ in server.asked] == ["/robots.txt", "/picture"]


whole = picture(1).content


@pytest.mark.parametrize(
    ("useless", "reason"),
    [
        (Reply(content=b"<html>", kind="text/html; charset=utf-8"), "not a picture but text/html"),
        (Reply(content=b"no picture at all"), "not decodable (not_an_image)"),
        (Reply(content=whole[: len(whole) // 2]), "not decodable (corrupt)"),
        (Reply(content=b""), "not decodable (empty)"),
        (Reply(content=b"x" * 100_001), "too many bytes"),
        (Reply(content=b"x", announced=10**12, hangs=True), "too many bytes"),
        (picture(2), "duplicate content"),
        (Reply(302, headers={"Location": "http://localhost:1/elsewhere"}), "a redirect to another host"),
        (Reply(302, headers={"Location": "https://127.0.0.1/"}), "a redirect to another host"),
        (Reply(302, headers={"Location": "file:///etc/passwd"}), "a redirect to no address of the web"),
        (Reply(302, headers={"Location": "https://127.0.0.1:99999/"}), "a redirect to no address of the web"),
        (Reply(302, headers={"Location": "https://[::1"}), "a redirect to no address of the web"),
        (Reply(302, headers={"Location": "/a b"}), "a redirect to no address of the web"),
        (Reply(302, headers={"Location": "/picture"}), "more than 5 redirects"),
    ],
)
def test_what_is_no_use_is_counted_by_its_reason(useless: Reply, reason: str, tmp_path: Path) -> None:
    repeated = 6 if "redirects" in reason else 1
    with serving(picture(2), *[useless] * repeated, picture(3)) as server:
        tally = gather_from(server, tmp_path, 2, Pauses())
    assert dict(tally.useless) == {reason: 1}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000001.png", "000002.png", MANIFEST]
    assert (tmp_path / "000002.png").read_bytes() == picture(3).content


def test_an_answer_that_is_cut_short_is_asked_for_again(tmp_path: Path) -> None:
    cut = replace(picture(1), content=whole[:-20], announced=len(whole))
    with serving(cut, picture(1)) as server:
        gather_from(server, tmp_path, 1, pauses := Pauses())
    assert pauses == [DELAY_S, 1.0]
    assert (tmp_path / "000001.png").read_bytes() == whole


def test_a_server_that_stalls_is_not_waited_for(tmp_path: Path) -> None:
    stalled = replace(picture(1), content=whole[:50], announced=len(whole), hangs=True)
    with serving(stalled, picture(1)) as server:
        gather_from(server, tmp_path, 1, pauses := Pauses(), Limits(0.2, 100_000))
    assert pauses == [DELAY_S, 1.0]


def test_a_head_that_comes_byte_by_byte_is_not_waited_for(tmp_path: Path) -> None:
    with serving(replace(picture(1), dribbles=100), picture(2)) as server:
        gather_from(server, tmp_path, 1, pauses := Pauses(), Limits(0.2, 100_000))
        assert server.dribbled < 50  # of 100, which take 5 seconds
    assert pauses == [DELAY_S, 1.0]
    assert (tmp_path / "000001.png").read_bytes() == picture(2).content


def test_a_redirect_to_what_robots_may_not_have_is_not_followed(tmp_path: Path) -> None:
    rules = Reply(content=b"User-agent: *\nDisallow: /private\n", kind="text/plain")
    with serving(Reply(302, headers={"Location": "/private/1"}), picture(1), robots=rules) as server:
        tally = gather_from(server, tmp_path, 1, Pauses())
    assert tally.useless == {"redirected to what robots.txt forbids": 1}
    assert [path for path, _ in server.asked] == ["/robots.txt", "/picture", "/picture"]


def test_a_redirect_on_the_same_host_is_followed(tmp_path: Path) -> None:
    with serving(Reply(302, headers={"Location": "/picture?fresh"}), picture(1)) as server:
        gather_from(server, tmp_path, 1, Pauses())
    assert json.loads((tmp_path / MANIFEST).read_text())["url"] == server.url + "?fresh"


def test_an_address_that_gives_nothing_new_any_more_is_given_up(tmp_path: Path) -> None:
    with serving(picture(1)) as server, pytest.raises(SourceError, match="20 answers in a row gave nothing new"):
        gather_from(server, tmp_path, 2, Pauses())
    assert len(server.asked) == 1 + 1 + FRUITLESS_IN_A_ROW
