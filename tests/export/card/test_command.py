"""`eyespot card` as a user meets it, and the commands on a card, taken out of it and run."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.regions.glyphs import find_glyphs
from edge.spec import Glyphs
from edge.steps import Resize, Scale
from eyespot.cli import main
from tests.conftest import Run
from tests.export.card.artifacts import make_labels, photograph, write_model
from tests.export.card.parsed import Page
from tests.serving.conftest import serve
from training.captcha import draw_captcha

STEPS = (Resize(16, 16, "antialias"), Scale(1 / 255))
ODD_NAME = 'it\'s a "model" & more.onnx'


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "m.onnx", make_labels(4), STEPS)


def test_it_is_written_where_one_stands_under_the_models_name(model: Path, tmp_path: Path, eyespot: Run) -> None:
    (tmp_path / "here").mkdir()
    done = eyespot("card", model, cwd=tmp_path / "here")
    (page,) = (tmp_path / "here").iterdir()
    assert (done.returncode, done.stderr) == (0, "")
    assert page.name == "m.html"
    assert done.stdout.startswith("m.html: card of made-up ")
    assert done.stdout.endswith(f", {page.stat().st_size:,} bytes\n")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["none.onnx"], "none.onnx: there is no such model file"),
        (["words.txt"], "words.txt"),
        (["p.png", "--image", "m.onnx"], "Received: p.png as MODEL"),
        (["m.onnx", "--output", "folder"], "folder is a folder; --output must name a file"),
        (["m.onnx", "--output", "m.onnx"], "m.onnx is what is read"),
        (["m.onnx", "--image", "words.txt", "--output", "words.txt"], "words.txt is what is read"),
        (["m.onnx", "--image", "none.png"], "none.png: there is no such file"),
        (["m.onnx", "--image", "words.txt"], "words.txt: "),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    folder = model.parent
    monkeypatch.chdir(folder)
    (folder / "folder").mkdir()
    (folder / "words.txt").write_text("words")
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    assert main(["card", *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert said in err
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_the_commands_on_a_card_work_as_they_stand(tmp_path: Path) -> None:
    model = write_model(tmp_path / ODD_NAME, make_labels(4), STEPS)
    Image.fromarray(photograph(31, 45, 3)).save(tmp_path / "picture.png")
    assert main(["card", str(model), "--output", str(tmp_path / "card.html")]) == 0
    card = Page((tmp_path / "card.html").read_text(encoding="utf-8"))

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    shell = f'PATH="{Path(sys.executable).parent}:$PATH"\n' + card.by_id["command-line"]
    verified, classified = run("bash", "-ec", shell).splitlines()
    assert ": passed, " in verified
    ours = run(sys.executable, "-c", card.by_id["python"])
    bare = run(sys.executable, "-I", "-c", card.by_id["onnxruntime"])
    label, probability = ours.rsplit(" ", 1)
    assert bare.rsplit(" ", 1)[0] == label
    # Both print a float32 of the same graph on the same machine.
    assert float(bare.rsplit(" ", 1)[1]) == pytest.approx(float(probability), abs=1e-6)
    assert f"{label} {float(probability):>7.2%}" in classified


@pytest.mark.slow
def test_the_request_on_a_card_is_answered(model: Path, tmp_path: Path) -> None:
    Image.fromarray(photograph(31, 45, 3)).save(tmp_path / "picture.png")
    assert main(["card", str(model), "--output", str(tmp_path / "card.html")]) == 0
    start, request = Page((tmp_path / "card.html").read_text(encoding="utf-8")).by_id["http"].splitlines()
    assert start == "eyespot serve m.onnx"
    with serve(model, tmp_path, tmp_path / "log.txt") as (url, _):
        request = request.replace("http://127.0.0.1:3000", url)
        done = subprocess.run(["bash", "-ec", request], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.count('"label"') == 3
    assert '"model":"made-up"' in done.stdout.replace(" ", "")


def test_a_model_of_glyphs_is_called_for_its_glyphs(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m.onnx", make_labels(4), STEPS, regions=Glyphs(4))
    captcha = draw_captcha(1, 1).pixels
    Image.fromarray(captcha).save(tmp_path / "picture.png")
    assert main(["card", str(model), "--output", str(tmp_path / "card.html")]) == 0
    content = (tmp_path / "card.html").read_text(encoding="utf-8")
    assert "it gives each of the 4 glyphs in a picture one of 4 labels" in content
    code = Page(content).by_id["python"]
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    boxes = find_glyphs(np.dstack([captcha] * 3), 4).boxes
    assert [line.partition(")")[0] + ")" for line in done.stdout.splitlines()[:4]] == [str(box) for box in boxes]
