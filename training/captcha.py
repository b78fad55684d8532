"""Captchas of four digits, drawn by a seed: served on this machine to gather from, or saved as a labelled set.

Each request to the address that is printed gets the next captcha of the series; Ctrl-C ends it. With --output they are
saved as NUMBER-TEXT.png. They stand in for the E-ZPass page of the Starter Bundle, chapter 21.
"""

import itertools
import sys
from collections.abc import Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.arguments import DONE, Parser, as_command, port_number, positive
from edge.web import LocalServer
from training.arguments import seed_number

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
    """Serves the captchas of `seed`, one for each request, at `url` on this machine; port 0 is any free one.

    Raises UsageError if the port is taken.
    """

    def __init__(self, port: int, seed: int) -> None:
        self.seed, self.numbers = seed, itertools.count(1)
        super().__init__("127.0.0.1", port, _Handler)
        self.url += "captcha.png"


class _Handler(BaseHTTPRequestHandler):
    server: CaptchaServer

    def do_GET(self) -> None:
        if self.path != "/captcha.png":
            self.send_error(404)
            return
        content = draw_captcha(self.server.seed, next(self.server.numbers)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "image/png")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Log no requests."""


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C, or save captchas as NUMBER-TEXT.png; return the exit status."""
    parser = Parser("python -m training.captcha", __doc__)
    add = parser.add_argument
    add("--port", type=port_number, default=8000, metavar="PORT", help="(default 8000; 0: a free one)")
    add("--seed", type=seed_number, default=1, help="of the series (default 1)")
    add("--output", type=Path, metavar="DIR", help="save captchas here, and serve nothing")
    add("--count", type=positive, default=100, metavar="N", help="captchas to save (default 100)")
    return as_command(lambda: _run(**vars(parser.parse(sys.argv[1:] if argv is None else argv))))


def _run(port: int, seed: int, output: Path | None, count: int) -> int:
    if output:
        output.mkdir(parents=True, exist_ok=True)
        for number in range(1, count + 1):
            captcha = draw_captcha(seed, number)
            (output / f"{number:04}-{captcha.text}.png").write_bytes(captcha.encode())
        return DONE
    with CaptchaServer(port, seed) as server, suppress(KeyboardInterrupt):
        print(server.url, flush=True)
        server.serve_forever(0.1)
    return DONE


if __name__ == "__main__":
    sys.exit(main())
