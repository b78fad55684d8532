"""Captchas from nothing to a service that reads them: gathered, cut, labelled, learned, exported, asked.

Whoever labels is played by the truth that the server wrote; the pipeline itself never opens that file. Fresh captchas
are of other seeds than those that were learned.
"""

import hashlib
import json
from pathlib import Path
from threading import Thread

import cv2
import numpy as np
import pytest

from edge.cli import main
from edge.decode import read_image
from edge.drawing import SURE
from edge.regions.glyphs import crop_glyph, find_glyphs
from edge.regions.region import Box
from tests.serving.conftest import application, asker
from training.captcha.drawing import draw_captcha
from training.captcha.server import CaptchaServer

pytestmark = pytest.mark.slow

GATHERED, FRESH = 500, 500
LEARNED_SEED, FRESH_SEED = 11, 23


def label_by_truth(pictures: Path, truth: Path, dataset: Path) -> int:
    """Write `dataset/LABEL/000001.png` and so on, as one who types what is shown; return how many were left out."""
    lines = map(json.loads, truth.read_text().splitlines())
    texts = {line["sha256"]: line["text"] for line in lines}
    left_out = number = 0
    for path in sorted(pictures.glob("*.png")):
        pixels, text = read_image(path).pixels, texts[hashlib.sha256(path.read_bytes()).hexdigest()]
        boxes = find_glyphs(pixels, 4).boxes
        left_out += len(boxes) != 4
        for label, box in zip(text, boxes, strict=True) if len(boxes) == 4 else ():
            number += 1
            (dataset / label).mkdir(parents=True, exist_ok=True)
            glyph = cv2.cvtColor(crop_glyph(pixels, box), cv2.COLOR_RGB2BGR)
            cv2.imwrite(str(dataset / label / f"{number:06}.png"), glyph)
    return left_out


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("captcha")
    with CaptchaServer(0, LEARNED_SEED, None, folder / "truth.jsonl") as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        options = ["--output", str(folder / "captchas"), "--count", str(GATHERED), "--delay", "0"]
        assert main(["gather", server.url, *options]) == 0
        server.shutdown()
    assert label_by_truth(folder / "captchas", folder / "truth.jsonl", folder / "glyphs") <= GATHERED // 100
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
    read = {path: answer for path, answer in answers.items() if answer["text"] is not None}
    glyphs = sum(a == b for path, answer in read.items() for a, b in zip(answer["text"], texts[path], strict=True))
    assert strings >= 0.99 * FRESH
    assert glyphs >= 0.998 * 4 * len(read)
    # What was not read says why, and nothing is put in its place.
    for answer in answers.values():
        assert len(answer["regions"]) == 4 or (answer["text"] is None and "glyphs found, 4 expected" in answer["note"])


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
    with application(model, max_pixels=100_000) as app:
        ask = asker(app)
        for path, known in zip(texts, expected, strict=True):
            answer = ask("POST", "/v1/classify?top_k=3", content=Path(path).read_bytes()).json()
            assert answer["text"] == texts[path]
            assert [region["box"] for region in answer["regions"]] == [region["box"] for region in known["regions"]]
            for served, found in zip(answer["regions"], known["regions"], strict=True):
                labels = [prediction["label"] for prediction in found["predictions"]]
                assert [prediction["label"] for prediction in served["predictions"]] == labels
        white = bytes(cv2.imencode(".png", np.full((72, 180), 255, np.uint8))[1])
        empty = ask("POST", "/v1/classify", content=white).json()
    assert (empty["text"], empty["regions"], empty["unsure"]) == (None, [], True)
    assert empty["note"] == "no glyphs found, 4 expected"


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
