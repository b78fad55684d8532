"""Captchas: the same ones for the same seed, saved with what they say, and served one for each request."""

import hashlib
import json
import urllib.error
import urllib.request
from io import BytesIO
from pathlib import Path
from threading import Thread

import cv2
import numpy as np
import pytest
from PIL import Image

from edge.errors import OutputError, UsageError
from training.captcha import CaptchaServer, draw_captcha, main


def test_a_series_is_its_seed() -> None:
    drawn = [draw_captcha(3, number).encode() for number in range(1, 31)]
    assert drawn == [draw_captcha(3, number).encode() for number in range(30, 0, -1)][::-1]
    assert len({*drawn, *(draw_captcha(4, number).encode() for number in range(1, 31))}) == 60


def test_four_digits_stand_on_white_and_some_touch_by_a_little() -> None:
    drawn = [draw_captcha(1, number) for number in range(1, 401)]
    assert {len(captcha.text) for captcha in drawn} == {4}
    assert set("".join(captcha.text for captcha in drawn)) == set("123456789")
    for captcha in drawn:
        edge = (captcha.pixels[0], captcha.pixels[-1], captcha.pixels[:, 0], captcha.pixels[:, -1])
        assert all((line == 255).all() for line in edge)
    parts = [cv2.connectedComponents((captcha.pixels < 128).astype(np.uint8))[0] - 1 for captcha in drawn]
    assert set(parts) == {3, 4}
    # One in ten is to touch; some of those cannot without lying upon each other too far.
    assert 8 <= parts.count(3) <= 40


def test_a_saved_set_says_what_it_shows(tmp_path: Path) -> None:
    assert main(["--output", str(tmp_path / "new"), "--count", "3", "--seed", "7"]) == 0
    for number, path in enumerate(sorted((tmp_path / "new").iterdir()), 1):
        captcha = draw_captcha(7, number)
        assert path.stem == f"{number:04}-{captcha.text}"
        with Image.open(BytesIO(path.read_bytes()), formats=["PNG"]) as image:
            assert np.array_equal(np.asarray(image), captcha.pixels)


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return bytes(answer.read())


def test_requests_get_the_series_and_its_truth_is_written_across_restarts(tmp_path: Path) -> None:
    truth, sent = tmp_path / "new" / "truth.jsonl", []
    for count in (2, 1):
        with CaptchaServer(0, 7, count, truth) as server:
            thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
            thread.start()
            with pytest.raises(urllib.error.HTTPError, match="404"):
                get(server.url.replace("captcha.png", "truth.jsonl"))
            sent += [get(server.url) for _ in range(count)]
            thread.join(10)
            assert not thread.is_alive()  # it ends by itself
            assert server.next_captcha() is None
    assert sent == [draw_captcha(7, number).encode() for number in (1, 2, 3)]
    assert [json.loads(line) for line in truth.read_text().splitlines()] == [
        {"number": n, "sha256": hashlib.sha256(sent[n - 1]).hexdigest(), "text": draw_captcha(7, n).text}
        for n in (1, 2, 3)
    ]


@pytest.mark.parametrize("content", [b"notes", b"notes\n", b'{"number": 1}\n{"num', b"[1]", b"\xff\n", b"[" * 100_000])
def test_a_file_of_something_else_is_refused_and_left(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(content)
    with pytest.raises(OutputError):
        CaptchaServer(0, 7, None, tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_bytes() == content


def test_a_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    with CaptchaServer(0, 1, None, tmp_path / "truth.jsonl") as server, pytest.raises(UsageError):
        CaptchaServer(server.server_address[1], 1, None, tmp_path / "other.jsonl")
