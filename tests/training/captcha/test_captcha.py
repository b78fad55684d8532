"""Captchas: the same ones for the same seed, saved with what they say, and served one for each request."""

import urllib.error
import urllib.request
from io import BytesIO
from pathlib import Path
from threading import Thread

import cv2
import numpy as np
import pytest
from PIL import Image

from edge.errors import UsageError
from training.captcha import CaptchaServer, draw_captcha, main


def test_a_series_is_its_seed() -> None:
    drawn = [draw_captcha(3, number).encode() for number in range(1, 31)]
    assert drawn == [draw_captcha(3, number).encode() for number in range(30, 0, -1)][::-1]
    assert len({*drawn, *(draw_captcha(4, number).encode() for number in range(1, 31))}) == 60


def test_four_digits_are_on_white_and_some_touch_by_a_little() -> None:
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


def test_each_request_gets_the_next_one_of_the_series() -> None:
    with CaptchaServer(0, 7) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(server.url.replace("captcha.png", "x"), timeout=10)
        sent = []
        for _ in range(3):
            with urllib.request.urlopen(server.url, timeout=10) as answer:
                sent.append(answer.read())
        with pytest.raises(UsageError):
            CaptchaServer(server.server_address[1], 1)
        server.shutdown()
    assert sent == [draw_captcha(7, number).encode() for number in (1, 2, 3)]
