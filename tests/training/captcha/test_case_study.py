"""Captchas from nothing to a service that reads them: gathered, typed, learned, exported, asked.

All by eyespot's own commands. Whoever labels is played by the truth that the server wrote, typed into the page of
`eyespot annotate`; the pipeline itself never opens that file. Fresh captchas are of other seeds than those learned.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest

from edge.cli import main
from edge.image import read_image
from edge.regions.drawing import SURE
from edge.result import Box
from tests.serving.chromium import CHROMIUM, chromium
from tests.serving.conftest import serve
from tests.training.annotate.sittings import ended, sitting
from tests.training.captcha.typist import read_truth, type_in_browser, type_the_rest
from training.captcha.drawing import draw_captcha

pytestmark = pytest.mark.slow

GATHERED, PRESSED, FRESH = 500, 36, 500
LEARNED_SEED, FRESH_SEED = 11, 23
DIGITS = "1,2,3,4,5,6,7,8,9"


def gather(folder: Path) -> None:
    """Fetch captchas from a server of its own into `captchas`; what they say goes to `truth.jsonl`."""
    options = ["--port", "0", "--count", str(GATHERED), "--seed", str(LEARNED_SEED), "--truth", folder / "truth.jsonl"]
    command = [sys.executable, "-m", "training.captcha", *map(str, options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            url, output = server.stdout.readline().strip(), folder / "captchas"
            assert main(["gather", url, "--output", str(output), "--count", str(GATHERED), "--delay", "0"]) == 0
            assert server.wait(30) == 0  # the last one has left
        finally:
            server.kill()


def annotate(folder: Path) -> None:
    """Label the glyphs of `captchas` into `glyphs`, the first by pressing their keys in a browser."""
    texts = read_truth(folder / "captchas", folder / "truth.jsonl")
    options = ("--regions", "glyphs:4", "--labels", DIGITS, "--output", folder / "glyphs")
    with sitting(folder / "captchas", *options) as (address, process):
        if CHROMIUM or os.environ.get("CI") == "true":
            (folder / "profile").mkdir()
            with chromium(folder / "profile") as page:
                type_in_browser(page, address, texts, PRESSED)
        assert type_the_rest(address, texts) <= GATHERED // 100
        status, said = ended(process)
    assert status == 0
    assert said.endswith(" left\n")
    written = [path.parent.name for path in (folder / "glyphs").glob("*/*.png")]
    assert len(written) >= 4 * GATHERED * 0.99
    assert sorted(set(written)) == DIGITS.split(",")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("captcha")
    gather(folder)
    annotate(folder)
    run, exported = folder / "run", folder / "captcha.onnx"
    assert main(["train", "captcha", "--dataset", str(folder / "glyphs"), "--output", str(run)]) == 0
    assert main(["export", str(run), "--output", str(exported)]) == 0
    return exported


def write_fresh(folder: Path, count: int) -> dict[str, str]:
    """Write fresh captchas, and return what each says by its path."""
    folder.mkdir()
    texts = {}
    for number in range(1, count + 1):
        captcha = draw_captcha(FRESH_SEED, number)
        (folder / f"{number:04}.png").write_bytes(captcha.encode())
        texts[str(folder / f"{number:04}.png")] = captcha.text
    return texts


def test_fresh_captchas_are_read(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = write_fresh(tmp_path / "new", FRESH)
    assert main(["classify", str(model), str(tmp_path / "new"), "--json"]) == 0
    answers = {line["path"]: line for line in map(json.loads, capsys.readouterr().out.splitlines())}
    assert answers.keys() == texts.keys()
    strings = sum(answer["text"] == texts[path] for path, answer in answers.items())
    # All glyphs of all captchas count; those of one that was not read are wrong.
    read = [(answer["text"] or "????", texts[path]) for path, answer in answers.items()]
    glyphs = sum(a == b for found, text in read for a, b in zip(found, text, strict=True))
    assert strings >= 0.99 * FRESH
    assert glyphs >= 0.998 * 4 * FRESH
    # What was not read says why, and nothing is put in its place.
    for answer in answers.values():
        assert len(answer["regions"]) == 4 or (answer["text"] is None and "glyphs found, 4 expected" in answer["note"])
    # The rows of a batch say the same.
    rows = tmp_path / "rows.jsonl"
    assert main(["batch", str(model), str(tmp_path / "new"), "--output", str(rows), "--quiet"]) == 0
    assert {row["path"]: row["text"] for row in map(json.loads, rows.read_text().splitlines())} == {
        path: answer["text"] for path, answer in answers.items()
    }


def test_a_table_has_the_text_and_a_copy_its_boxes(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ((path, text),) = write_fresh(tmp_path / "new", 1).items()
    assert main(["classify", str(model), path, "--draw", str(tmp_path / "drawn")]) == 0
    assert capsys.readouterr().out.removeprefix(path).split()[0] == text
    drawn = read_image(tmp_path / "drawn" / "0001-annotated.png").pixels
    plain = draw_captcha(FRESH_SEED, 1).pixels
    factor = drawn.shape[0] // plain.shape[0]
    for box in ink_boxes(plain):
        middle = (box.y + box.height // 2) * factor
        left = drawn[middle, (box.x - 1) * factor : (box.x + 2) * factor]
        right = drawn[middle, (box.x + box.width - 2) * factor :]
        assert (left == SURE).all(axis=1).any()
        assert (right[: 4 * factor] == SURE).all(axis=1).any()


def test_the_service_answers_the_same_without_an_option(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = write_fresh(tmp_path / "new", 3)
    assert main(["classify", str(model), *texts, "--json"]) == 0
    expected = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    white = bytes(cv2.imencode(".png", np.full((72, 180), 255, np.uint8))[1])
    with serve(model, tmp_path, tmp_path / "log.txt") as (url, _), httpx.Client(base_url=url) as client:
        for path, known in zip(texts, expected, strict=True):
            answer = client.post("/v1/classify?top_k=3", content=Path(path).read_bytes()).json()
            assert answer["text"] == texts[path]
            assert [region["box"] for region in answer["regions"]] == [region["box"] for region in known["regions"]]
            for served, found in zip(answer["regions"], known["regions"], strict=True):
                assert_same(served["predictions"], found["predictions"])
        empty = client.post("/v1/classify", content=white).json()
    assert (empty["text"], empty["regions"], empty["unsure"]) == (None, [], True)
    assert empty["note"] == "no glyphs found, 4 expected"


def assert_same(served: list[dict[str, float]], found: list[dict[str, float]]) -> None:
    assert [prediction["label"] for prediction in served] == [prediction["label"] for prediction in found]
    # The same file by the same runtime, in batches of other sizes.
    expected = [prediction["probability"] for prediction in found]
    assert [prediction["probability"] for prediction in served] == pytest.approx(expected, abs=1e-5)


def ink_boxes(captcha: np.ndarray) -> list[Box]:
    ink = (captcha < 128).astype(np.uint8)
    contours = cv2.findContours(ink, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
    return sorted(Box(*cv2.boundingRect(contour)) for contour in contours)


@pytest.mark.parametrize("digits", [3, 5])
def test_fewer_or_more_glyphs_are_told_and_not_read(
    digits: int, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = (draw_captcha(FRESH_SEED, number).pixels for number in range(1, 20))
    captcha = next(pixels for pixels in drawn if len(ink_boxes(pixels)) == 4)
    boxes = ink_boxes(captcha)
    picture = captcha[:, boxes[1].x - 2 :] if digits == 3 else np.hstack([captcha, captcha[:, boxes[3].x - 2 :]])
    cv2.imwrite(str(tmp_path / "other.png"), picture)
    assert main(["classify", str(model), str(tmp_path / "other.png"), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["text"], answer["unsure"], len(answer["regions"])) == (None, True, digits)
    assert answer["note"] == f"{digits} glyphs found, 4 expected"


def test_info_says_what_it_looks_for_and_crops_are_still_evaluated(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", str(model)]) == 0
    rows = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
    assert rows["regions"].strip() == "4 glyphs"
    run = model.parent / "run"
    assert main(["evaluate", str(run), "--json"]) == 0
    evaluated = json.loads(capsys.readouterr().out.splitlines()[-1])
    held_out = json.loads((run / "spec.json").read_text())["training"]["held_out_accuracy"]
    assert evaluated["accuracy"] == pytest.approx(held_out)
