"""Captchas: the same ones for the same seed, four digits each, and touching ones among them."""

import hashlib
from io import BytesIO

import cv2
import numpy as np
from PIL import Image

from training.captcha.drawing import draw_captcha


def count_parts(pixels: np.ndarray) -> int:
    return cv2.connectedComponents((pixels < 128).astype(np.uint8), connectivity=8)[0] - 1


def test_a_series_is_its_seed() -> None:
    drawn = [draw_captcha(3, number) for number in range(1, 31)]
    again = [draw_captcha(3, number) for number in range(30, 0, -1)]
    digests = [hashlib.sha256(captcha.encode()).hexdigest() for captcha in drawn]
    assert digests == [hashlib.sha256(captcha.encode()).hexdigest() for captcha in reversed(again)]
    others = {hashlib.sha256(draw_captcha(4, number).encode()).hexdigest() for number in range(1, 31)}
    assert len(set(digests) | others) == 60


def test_four_digits_from_1_to_9_stand_on_white() -> None:
    drawn = [draw_captcha(1, number) for number in range(1, 301)]
    assert {len(captcha.text) for captcha in drawn} == {4}
    assert set("".join(captcha.text for captcha in drawn)) == set("123456789")
    for captcha in drawn:
        edge = (captcha.pixels[0], captcha.pixels[-1], captcha.pixels[:, 0], captcha.pixels[:, -1])
        assert all((line == 255).all() for line in edge)
        assert captcha.pixels.min() < 128


def test_most_digits_stand_apart_and_some_touch_by_a_little() -> None:
    parts = [count_parts(draw_captcha(1, number).pixels) for number in range(1, 401)]
    assert set(parts) == {3, 4}
    # One in ten is to touch; some of those cannot without lying upon each other too far.
    assert 8 <= parts.count(3) <= 40


def test_what_is_sent_is_the_picture_as_pillow_reads_it() -> None:
    captcha = draw_captcha(2, 1)
    with Image.open(BytesIO(captcha.encode())) as image:
        assert image.format == "PNG"
        assert np.array_equal(np.asarray(image), captcha.pixels)
