"""Captchas from nothing to a service that reads them: gathered, labelled, learned, exported, asked.

All by eyespot's own commands. The labels are those of the series, sent as the page of `eyespot annotate` does it.
Fresh captchas are of another seed.
"""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from eyespot.cli import main
from tests.serving.conftest import serve
from tests.training.annotate.sittings import ask, ended, sitting
from training.captcha import draw_captcha
from training.captcha import main as draw_captchas

pytestmark = pytest.mark.slow

GATHERED, FRESH = 500, 500
LEARNED_SEED, FRESH_SEED = 11, 23


def gather(captchas: Path) -> None:
    command = [sys.executable, "-m", "training.captcha", "--port", "0", "--seed", str(LEARNED_SEED)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            url = server.stdout.readline().strip()
            assert main(["gather", url, "--output", str(captchas), "--count", str(GATHERED), "--delay", "0"]) == 0
        finally:
            server.kill()


def annotate(captchas: Path, glyphs: Path) -> None:
    """Label every glyph, and ignore the few captchas that are not cut into four."""
    drawn = [draw_captcha(LEARNED_SEED, number) for number in range(1, GATHERED + 1)]
    texts = {f"{hashlib.sha256(captcha.encode()).hexdigest()[:16]}.png": captcha.text for captcha in drawn}
    options = ("--regions", "glyphs:4", "--labels", "1,2,3,4,5,6,7,8,9", "--output", glyphs)
    ignored = 0
    with sitting(captchas, *options) as (address, process):
        _, shown = ask(address)
        while shown["left"]:
            item = shown["item"]
            is_cut = item["parts"] == 4
            answer = texts[item["name"]][item["part"] - 1] if is_cut else ""
            ignored += not is_cut
            status, shown = ask(address, "answer", key=item["key"], label=answer)
            assert status == 200, shown
        assert ended(process)[0] == 0
    assert ignored <= 4 * GATHERED // 100


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("captcha")
    captchas, glyphs, run = (folder / name for name in ("captchas", "glyphs", "run"))
    gather(captchas)
    annotate(captchas, glyphs)
    assert main(["train", "captcha", "--dataset", str(glyphs), "--output", str(run)]) == 0
    assert main(["export", str(run), "--output", str(folder / "captcha.onnx")]) == 0
    return folder / "captcha.onnx"


def test_fresh_captchas_are_read(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawn = ["--seed", str(FRESH_SEED), "--count", str(FRESH), "--output", str(tmp_path / "new")]
    assert draw_captchas(drawn) == 0
    assert main(["classify", str(model), str(tmp_path / "new"), "--json"]) == 0
    answers = {answer["path"]: answer for answer in map(json.loads, capsys.readouterr().out.splitlines())}
    # All glyphs of all captchas count; those of one that was not read are wrong.
    read = [(answer["text"] or "????", Path(path).stem.partition("-")[2]) for path, answer in answers.items()]
    assert len(read) == FRESH
    assert sum(found == text for found, text in read) >= 0.99 * FRESH
    assert sum(a == b for found, text in read for a, b in zip(found, text, strict=True)) >= 0.998 * 4 * FRESH
    # What is not cut into four is not read, and nothing is put in its place.
    assert all(len(answer["regions"]) == 4 or answer["text"] is None for answer in answers.values())
    rows = tmp_path / "rows.jsonl"
    assert main(["batch", str(model), str(tmp_path / "new"), "--output", str(rows)]) == 0
    batch = {row["path"]: row["text"] for row in map(json.loads, rows.read_text().splitlines())}
    assert batch == {path: answer["text"] for path, answer in answers.items()}


def test_the_service_answers_the_same(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    captcha = draw_captcha(FRESH_SEED, 1)
    longer = np.hstack([captcha.pixels, captcha.pixels[:, captcha.pixels.shape[1] // 2 :]])
    for name, picture in (("4", captcha.pixels), ("6", longer), ("0", captcha.pixels | 255)):  # by number of glyphs
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    paths = sorted(map(str, tmp_path.glob("*.png")))
    assert main(["classify", str(model), *paths, "--json"]) == 0
    known = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["text"] for answer in known] == [None, captcha.text, None]
    assert [answer["unsure"] for answer in known] == [True, False, True]
    with serve(model, tmp_path, tmp_path / "log.txt") as (url, _), httpx.Client(base_url=url) as client:
        for path, expected in zip(paths, known, strict=True):
            answer = client.post("/v1/classify", content=Path(path).read_bytes()).json()
            assert answer["text"] == expected["text"]
            assert [region["box"] for region in answer["regions"]] == [region["box"] for region in expected["regions"]]
