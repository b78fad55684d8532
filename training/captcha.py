"""Captchas of four digits, drawn by a seed: served on this machine to gather from, or saved as a labelled set.

Every request to the address that is printed gets a fresh one, and --truth a line of JSON with its SHA-256 and text, to
judge a reader by; a later start goes on behind the last line. Ctrl-C ends it. They stand in for the E-ZPass page of the
Starter Bundle, chapter 21.
"""

import hashlib
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.arguments import Parser, port_number, positive, seed_number
from edge.cli import DONE, as_command
from edge.web.local_server import LocalServer

HEIGHT_PX, MARGIN_PX, LIFT_PX = 72, 12, 6
# Of Hershey (US National Bureau of Standards, 1967), which OpenCV holds.
TYPEFACES = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX)
# The share of captchas in which two digits touch, and how far one may then reach into the box of the other.
TOUCHING_SHARE, DEEPEST_SHARE = 0.1, 0.15


class Captcha(NamedTuple):
    """A picture, uint8 grey [72, W], and what it says: four digits from 1 to 9."""

    text: str
    pixels: NDArray[np.uint8]

    def encode(self) -> bytes:
        """Return the picture as PNG."""
        return bytes(cv2.imencode(".png", self.pixels)[1])


def draw_captcha(seed: int, number: int) -> Captcha:
    """Return the captcha of this `number`, 1 or more, in the series of `seed`; it is always the same one."""
    chance = np.random.default_rng([seed, number])
    text = "".join(chance.choice(list("123456789"), 4))
    touching = int(chance.integers(1, 4)) if chance.random() < TOUCHING_SHARE else None
    level = int(chance.integers(0, 90))
    row = np.full((HEIGHT_PX, MARGIN_PX), 255, np.uint8)
    for place, digit in enumerate(text):
        tile = _draw_digit(digit, level, chance)
        if place == touching:  # up to the first pixels of ink that lie upon each other, or as deep as is allowed
            deepest = int(tile.shape[1] * DEEPEST_SHARE)
            met = (d for d in range(1, deepest) if (np.maximum(row[:, -d:], tile[:, :d]) < 128).any())
            gap = -next(met, deepest)
        else:
            gap = int(chance.integers(3, 12))
        left = row.shape[1] + gap
        row = np.pad(row, ((0, 0), (0, gap + tile.shape[1])), constant_values=255)
        row[:, left:] = np.minimum(row[:, left:], tile)
    return Captcha(text, np.pad(row, ((0, 0), (0, MARGIN_PX)), constant_values=255))


def _draw_digit(digit: str, level: int, chance: np.random.Generator) -> NDArray[np.uint8]:
    """Return one digit of grey `level` on white, as wide as its ink and as high as the captcha."""
    face, stroke, side = int(chance.choice(TYPEFACES)), int(chance.integers(2, 4)), 2 * HEIGHT_PX
    scale = cv2.getFontScaleFromHeight(face, int(chance.integers(32, 39)), stroke)
    (width, height), _ = cv2.getTextSize(digit, face, scale, stroke)
    tile = np.full((side, side), 255, np.uint8)
    cv2.putText(tile, digit, ((side - width) // 2, (side + height) // 2), face, scale, level, stroke, cv2.LINE_AA)
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), chance.uniform(-8.0, 8.0), 1.0)
    turned = np.asarray(cv2.warpAffine(tile, turn, (side, side), borderValue=255), np.uint8)
    top = (side - HEIGHT_PX) // 2 + int(chance.integers(-LIFT_PX, LIFT_PX, endpoint=True))
    columns = np.flatnonzero((turned < 255).any(axis=0))
    return turned[top : top + HEIGHT_PX, columns[0] : columns[-1] + 1]


class CaptchaServer(LocalServer):
    """Serves the captchas of `seed` at `url` on this machine, `count` of them or without end; port 0 takes a free one.

    Raises UsageError for a port that cannot be had.
    """

    def __init__(self, port: int, seed: int, count: int | None, truth: Path) -> None:
        truth.parent.mkdir(parents=True, exist_ok=True)
        truth.touch()
        self.seed, self.truth, self.lock = seed, truth, Lock()
        self.number = len(truth.read_bytes().splitlines())
        self.last = count and self.number + count
        super().__init__("127.0.0.1", port, _Handler)
        self.url += "captcha.png"


class _Handler(BaseHTTPRequestHandler):
    server: CaptchaServer

    def do_GET(self) -> None:
        server = self.server
        with server.lock:
            if self.path != "/captcha.png" or server.number == server.last:
                self.send_error(404)
                return
            server.number += 1
            captcha = draw_captcha(server.seed, server.number)
            content = captcha.encode()
            line = {"number": server.number, "sha256": hashlib.sha256(content).hexdigest(), "text": captcha.text}
            with server.truth.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            self.send_response(200)
            self.send_header("Content-Type", "image/png")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            if server.number == server.last:
                server.shutdown()

    def log_message(self, *_: object) -> None:
        """Say nothing: standard output has the address."""


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until all captchas have left, or until Ctrl-C, or save them as NUMBER-TEXT.png; return the exit status."""
    parser = Parser("python -m training.captcha", __doc__)
    add = parser.add_argument
    add("--port", type=port_number, default=8000, metavar="PORT", help="(default 8000; 0: a free one)")
    add("--count", type=positive, metavar="N", help="(default: no end, or 100 with --output)")
    add("--seed", type=seed_number, default=1, help="(default 1)")
    add("--truth", type=Path, default=Path("truth.jsonl"), metavar="FILE", help="(default truth.jsonl)")
    add("--output", type=Path, metavar="FOLDER", help="save them here, and serve nothing")
    return as_command(lambda: _run(**vars(parser.parse(sys.argv[1:] if argv is None else argv))))


def _run(port: int, count: int | None, seed: int, truth: Path, output: Path | None) -> int:
    if output:
        output.mkdir(parents=True, exist_ok=True)
        for number in range(1, (count or 100) + 1):
            captcha = draw_captcha(seed, number)
            (output / f"{number:04}-{captcha.text}.png").write_bytes(captcha.encode())
        return DONE
    with CaptchaServer(port, seed, count, truth) as server, suppress(KeyboardInterrupt):
        print(server.url, flush=True)
        server.serve_forever(0.1)
    return DONE


if __name__ == "__main__":
    sys.exit(main())
