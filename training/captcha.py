"""Captchas of four digits, drawn by a seed: served on this machine to gather from, or saved as a labelled set.

Every request to the address that is printed gets a fresh one; what it says is appended to the file of --truth, a line
of JSON with the picture's SHA-256, which is for judging a reader and not for making one. The series goes on behind the
last line. Ctrl-C ends it. They stand in for the E-ZPass page of the Starter Bundle, chapter 21.
"""

import argparse
import hashlib
import json
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.arguments import Parser, port_number, positive, seed_number
from edge.cli import DONE, as_command
from edge.errors import OutputError
from edge.web.local_server import LocalServer

HEIGHT_PX, MARGIN_PX, LIFT_PX = 72, 12, 6
# Of Hershey (US National Bureau of Standards, 1967); OpenCV holds them, so that no file is needed.
TYPEFACES = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX)
# The share of captchas in which two digits touch, and how far one may then reach into the box of the other.
TOUCHING_SHARE, DEEPEST_SHARE = 0.1, 0.15


@dataclass(frozen=True)
class Captcha:
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
            met = (d for d in range(1, deepest) if ((row[:, -d:] < 128) & (tile[:, :d] < 128)).any())
            gap = -next(met, deepest)
        else:
            gap = int(chance.integers(3, 12))
        left = row.shape[1] + gap
        row = np.pad(row, ((0, 0), (0, gap + tile.shape[1])), constant_values=255)
        row[:, left : left + tile.shape[1]] = np.minimum(row[:, left : left + tile.shape[1]], tile)
    return Captcha(text, np.pad(row, ((0, 0), (0, MARGIN_PX)), constant_values=255))


def _draw_digit(digit: str, level: int, chance: np.random.Generator) -> NDArray[np.uint8]:
    """Return one digit of grey `level` on white, as wide as its ink and as high as the captcha."""
    face = int(chance.choice(TYPEFACES))
    stroke = int(chance.integers(2, 4))
    scale = cv2.getFontScaleFromHeight(face, int(chance.integers(32, 39)), stroke)
    (width, height), _ = cv2.getTextSize(digit, face, scale, stroke)
    side = 2 * HEIGHT_PX
    tile = np.full((side, side), 255, np.uint8)
    cv2.putText(tile, digit, ((side - width) // 2, (side + height) // 2), face, scale, level, stroke, cv2.LINE_AA)
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), chance.uniform(-8.0, 8.0), 1.0)
    turned = np.asarray(cv2.warpAffine(tile, turn, (side, side), borderValue=255), np.uint8)
    top = (side - HEIGHT_PX) // 2 + int(chance.integers(-LIFT_PX, LIFT_PX, endpoint=True))
    columns = np.flatnonzero((turned < 255).any(axis=0))
    return turned[top : top + HEIGHT_PX, columns[0] : columns[-1] + 1]


class CaptchaServer(LocalServer):
    """A server of the captchas of `seed` at `url` on this machine; port 0 takes a free one.

    It goes on behind the last line of the file `truth`, and ends by itself after `count` captchas, where that is given.
    Raises UsageError for a port that cannot be had, OutputError for a file of something else.
    """

    def __init__(self, port: int, seed: int, count: int | None, truth: Path) -> None:
        self._seed, self._truth, self.left = seed, truth, count
        self.lock = threading.Lock()
        truth.parent.mkdir(parents=True, exist_ok=True)
        lines = truth.read_bytes().splitlines() if truth.exists() else []
        try:
            self._number = int(json.loads(lines[-1])["number"]) if lines else 0
        except (ValueError, TypeError, LookupError, RecursionError):
            raise OutputError(f"{truth}: its last line is no truth about a captcha; name another --truth") from None
        super().__init__("127.0.0.1", port, _Handler)
        self.url += "captcha.png"

    def next_captcha(self) -> bytes | None:
        """Return the next captcha as PNG, once its truth is written; None when there are no more."""
        if self.left == 0:
            return None
        self.left = None if self.left is None else self.left - 1
        self._number += 1
        captcha = draw_captcha(self._seed, self._number)
        encoded = captcha.encode()
        line = {"number": self._number, "sha256": hashlib.sha256(encoded).hexdigest(), "text": captcha.text}
        with self._truth.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        return encoded


class _Handler(BaseHTTPRequestHandler):
    server: CaptchaServer

    def do_GET(self) -> None:
        with self.server.lock:
            captcha = self.server.next_captcha() if self.path.partition("?")[0] == "/captcha.png" else None
            if captcha:
                self.send_response(200)
                self.send_header("Content-Type", "image/png")
                self.send_header("Content-Length", str(len(captcha)))
                self.end_headers()
                self.wfile.write(captcha)
            else:
                self.send_error(404)
        if self.server.left == 0:
            self.server.shutdown()

    def log_message(self, *_: object) -> None:
        """Say nothing: standard output has the address."""


def save_captchas(folder: Path, seed: int, count: int) -> None:
    """Write the first `count` captchas of `seed` into `folder`, each as NUMBER-TEXT.png."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, count + 1):
        captcha = draw_captcha(seed, number)
        (folder / f"{number:04}-{captcha.text}.png").write_bytes(captcha.encode())


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until all captchas have left, or until Ctrl-C, or save them, and return the exit status."""
    parser = Parser("python -m training.captcha", __doc__)
    parser.add_argument("--port", type=port_number, default=8000, metavar="PORT", help="(default 8000; 0: a free one)")
    parser.add_argument("--count", type=positive, metavar="N", help="(default: no end, or 100 with --output)")
    parser.add_argument("--seed", type=seed_number, default=1, help="(default 1)")
    parser.add_argument("--truth", type=Path, default=Path("truth.jsonl"), metavar="FILE", help="(default truth.jsonl)")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="save them here, and serve nothing")
    return as_command(lambda: _run(parser.parse(sys.argv[1:] if argv is None else argv)))


def _run(arguments: argparse.Namespace) -> int:
    if arguments.output:
        save_captchas(arguments.output, arguments.seed, arguments.count or 100)
        return DONE
    with CaptchaServer(arguments.port, arguments.seed, arguments.count, arguments.truth) as server:
        print(server.url, flush=True)
        try:
            server.serve_forever(0.1)
        except KeyboardInterrupt:
            print("eyespot: no more captchas", file=sys.stderr)
    return DONE


if __name__ == "__main__":
    sys.exit(main())
