"""Folders of codes whose truth is known, and `eyespot annotate` running on them."""

import json
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import cv2
import numpy as np

from tests.edge.regions.drawn_glyphs import hershey

EYESPOT = str(Path(sys.executable).with_name("eyespot"))
BORDER_PX = 5
WITHIN_S = 60


def write_codes(folder: Path, *texts: str) -> Path:
    """Write a picture for each text, named so that their order is that of the texts."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(texts):
        cv2.imwrite(str(folder / f"{number:03}.png"), hershey(text))
    return folder


def glyph_crops(picture: np.ndarray) -> list[np.ndarray]:
    """The glyphs of a drawn code with their border, found with NumPy alone: by the columns that hold no ink."""
    ink = picture.min(axis=2) < 128
    columns = np.flatnonzero(np.diff(ink.any(axis=0).astype(int), prepend=0, append=0))
    crops = []
    for left, right in columns.reshape(-1, 2):
        rows = np.flatnonzero(ink[:, left:right].any(axis=1))
        top, bottom = rows[0] - BORDER_PX, rows[-1] + 1 + BORDER_PX
        crops.append(picture[top:bottom, left - BORDER_PX : right + BORDER_PX])
    return crops


def truth(folder: Path, *texts: str) -> list[tuple[str, bytes]]:
    """Label and pixels of every glyph, sorted: what the labelled folder must hold."""
    crops = [glyph_crops(cv2.imread(str(path))) for path in sorted(folder.glob("*.png"))]
    return sorted(
        (c, crop.tobytes()) for text, row in zip(texts, crops, strict=True) for c, crop in zip(text, row, strict=True)
    )


def labelled(output: Path) -> list[tuple[str, bytes]]:
    """Label and pixels of every picture in a labelled folder, sorted."""
    return sorted((path.parent.name, cv2.imread(str(path)).tobytes()) for path in output.glob("*/*"))


@contextmanager
def sitting(*arguments: str | Path) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Run `eyespot annotate` on a free port; yield its address and the process, which is ended whatever happens."""
    command = [EYESPOT, "annotate", *map(str, arguments), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        killer = threading.Timer(WITHIN_S, process.kill)
        killer.start()
        try:
            assert process.stderr
            said = []
            for line in process.stderr:
                said.append(line)
                if found := re.search(r"label at (http://\S+/)", line):
                    yield found[1], process
                    break
            else:
                raise AssertionError("".join(said))
        finally:
            killer.cancel()
            process.kill()


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """End a sitting as Ctrl-C does; return its status and what it printed."""
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate()
    return process.returncode, out


def ask(address: str, path: str = "screen", **query: str) -> tuple[int, dict[str, Any]]:
    """Ask as the page does, which posts what changes something; return the status and what was answered."""
    headers = {"Origin": address.rstrip("/")}
    method = "GET" if path == "screen" else "POST"
    request = urllib.request.Request(f"{address}{path}?{urlencode(query)}", headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def label(address: str, *labels: str) -> dict[str, Any]:
    """Answer to one item after the other, from the first open one on, and return what is shown then."""
    _, shown = ask(address)
    for text in labels:
        status, shown = ask(address, "answer", key=shown["item"]["key"], label=text)
        assert status == 200, shown
    return shown
