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

from edge.errors import OutputError, UsageError
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


@pytest.mark.parametrize("kept", [0, 1, 12, -1])
def test_half_a_line_is_written_again(kept: int, tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    with CaptchaServer(0, 7, None, truth) as server:
        for _ in range(3):
            server.next_captcha()
    whole = truth.read_bytes()
    lines = whole.splitlines(keepends=True)
    truth.write_bytes(lines[0] + lines[1] + lines[2][:kept])
    with CaptchaServer(0, 7, None, truth) as server:
        assert server.next_captcha() == draw_captcha(7, 3).encode()
    assert truth.read_bytes() == whole


@pytest.mark.parametrize("content", [b"notes", b"notes\n", b'{"number": 1}\n{"num', b"[" * 100_000 + b"\n"])
def test_a_file_of_something_else_is_refused_and_left(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(content)
    with pytest.raises(OutputError, match=r"notes\.txt: (it is no truth|line 1 is damaged).*; name another --truth"):
        CaptchaServer(0, 7, None, tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_bytes() == content


def test_one_server_writes_a_file_and_where_none_was_asked_nothing_is_left(tmp_path: Path) -> None:
    truth = tmp_path / "new" / "truth.jsonl"
    with CaptchaServer(0, 7, None, truth), pytest.raises(OutputError, match="another server is writing it"):
        CaptchaServer(0, 7, None, truth)
    assert list(tmp_path.iterdir()) == []


def test_it_ends_when_all_have_left_and_not_when_the_last_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []
    with CaptchaServer(0, 7, 2, tmp_path / "truth.jsonl") as server:
        monkeypatch.setattr(server, "shutdown", lambda: ended.append("now"))
        assert [server.next_captcha() is None for _ in range(3)] == [False, False, True]
        server.has_left()  # while a slow client still takes the other
        assert ended == []
        server.has_left()
        assert ended == ["now"]


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
