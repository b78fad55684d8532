"""The captcha server, asked over HTTP."""

import hashlib
import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from threading import Thread

import pytest

from edge.errors import UsageError
from training.captcha.drawing import draw_captcha
from training.captcha.server import CaptchaServer


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return bytes(answer.read())


def serve(server: CaptchaServer) -> Thread:
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    return thread


def test_every_request_gets_the_next_one_and_the_truth_is_written(tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    with CaptchaServer(0, 7, 3, truth) as server:
        thread = serve(server)
        assert b"Allow: /" in get(server.url.replace("captcha.png", "robots.txt"))
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(server.url.replace("captcha.png", "truth.jsonl"))
        sent = [get(server.url) for _ in range(3)]
        thread.join(10)
        assert not thread.is_alive()  # it ends by itself
    assert sent == [draw_captcha(7, number).encode() for number in (1, 2, 3)]
    assert [json.loads(line) for line in truth.read_text().splitlines()] == [
        {"number": n, "sha256": hashlib.sha256(sent[n - 1]).hexdigest(), "text": draw_captcha(7, n).text}
        for n in (1, 2, 3)
    ]


def test_a_server_that_starts_again_goes_on_behind_its_truth(tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    for expected in (1, 2):
        with CaptchaServer(0, 7, 1, truth) as server:
            serve(server)
            assert get(server.url) == draw_captcha(7, expected).encode()


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with (
        CaptchaServer(0, 1, None, tmp_path / "truth.jsonl") as server,
        pytest.raises(UsageError, match=f"127.0.0.1:{server.server_address[1]} cannot be listened on"),
    ):
        CaptchaServer(server.server_address[1], 1, None, tmp_path / "other.jsonl")


def test_the_command_prints_where_it_serves(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "training.captcha", "--port", "0", "--count", "1", "--truth", "truth.jsonl"]
    repository = Path(__file__).parents[3]
    environment = {"PYTHONPATH": str(repository)}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert get(process.stdout.readline().strip()) == draw_captcha(1, 1).encode()
        assert process.wait(10) == 0
