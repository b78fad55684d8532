"""`eyespot annotate` as a user, the page's requests, a full disk and a kill meet it."""

import http.client
import json
import resource
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

import cv2
import numpy as np
import pytest

from edge.arguments import DONE, NOTHING_DONE, SOME_FAILED
from edge.spec import Faces
from eyespot.cli import main
from tests.conftest import tiny_probabilities
from tests.edge.artifacts import restamped, written
from tests.training.annotate.sittings import ask, ended, glyph_crops, label, labelled, sitting, truth, write_codes

TEXTS = ("7391", "2846")
GLYPHS = ("--regions", "glyphs:4", "--output")


@pytest.fixture
def codes(tmp_path: Path) -> Path:
    """A folder of two codes."""
    return write_codes(tmp_path / "codes", *TEXTS)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Where the labelled glyphs go."""
    return tmp_path / "dataset"


def journal(output: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (output / "annotations.jsonl").read_text().splitlines()[1:]]


def test_glyphs_are_shown_labelled_and_written_for_training(codes: Path, output: Path) -> None:
    write_codes(codes / "copies", *TEXTS)
    (codes / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    cv2.imwrite(str(codes / "white.png"), np.full((40, 60, 3), 255, np.uint8))
    with sitting(codes, *GLYPHS, output) as (address, process):
        item = label(address, "7")["item"]
        assert (item["name"], item["part"], item["parts"], item["size"]) == ("000.png", 2, 4, [208, 80])
        for path, expected in (
            ("picture", cv2.imread(str(codes / "000.png"))),
            ("crop", glyph_crops(cv2.imread(str(codes / "000.png")))[1]),
        ):
            with urllib.request.urlopen(f"{address}{path}?key={item['key']}") as answer:
                encoded = np.frombuffer(answer.read(), np.uint8)
            assert np.array_equal(cv2.imdecode(encoded, cv2.IMREAD_COLOR), expected)
        shown = label(address, *"3912846")
        assert (shown["left"], shown["items"], shown["counts"]) == (0, 8, dict.fromkeys("12346789", 1))
        assert ended(process)[0] == SOME_FAILED
    for name in ("torn.png", "white.png"):
        (codes / name).unlink()
    assert labelled(output) == truth(codes, *TEXTS)


def test_answers_are_corrected_ignored_and_undone(codes: Path, output: Path) -> None:
    with sitting(codes, *GLYPHS, output) as (address, process):
        first = ask(address)[1]["item"]["key"]
        label(address, "1", "", "9", "1", "")
        ask(address, "answer", key=first, label="7")
        assert sorted(text for text, _ in labelled(output)) == ["1", "7", "9"]
        assert ask(address, "undo")[1]["item"]["key"] == first
        assert sorted(text for text, _ in labelled(output)) == ["1", "1", "9"]
        ended(process)
    with sitting(codes, *GLYPHS, output) as (address, process):
        shown = ask(address)[1]
        assert (shown["index"], shown["counts"], shown["left"]) == (5, {"": 2, "1": 2, "9": 1}, 3)
        label(address, "5", "6")
        for left in (2, 3, 3):
            assert ask(address, "undo")[1]["left"] == left
        ended(process)
    assert sorted(text for text, _ in labelled(output)) == ["1", "1", "9"]
    assert {path.name for path in output.iterdir() if path.is_dir()} == {"1", "9"}  # no empty class


def test_a_kill_at_any_moment_costs_nothing(codes: Path, output: Path) -> None:
    with sitting(codes, *GLYPHS, output) as (address, process):
        label(address, *"7391")
        process.kill()
        process.wait()
    whole = labelled(output)
    (kept,) = (output / "7").iterdir()
    kept.unlink()  # the line was written, and the file not yet
    (output / "4").mkdir()
    (stale,) = (output / "3").iterdir()
    (output / "1" / stale.name).write_bytes(stale.read_bytes())  # a correction whose old file had not gone yet
    with (output / "annotations.jsonl").open("ab") as file:
        file.write(b'{"picture": "001.p')
    with sitting(codes, *GLYPHS, output) as (address, process):
        assert labelled(output) == whole
        assert label(address, *"2846")["left"] == 0
        assert ended(process)[0] == DONE
    (codes / "000.png").unlink()  # pictures that are gone keep their labels, and more may come
    write_codes(codes / "more", "5513")
    with sitting(codes, *GLYPHS, output) as (address, _):
        assert (ask(address)[1]["left"], len(labelled(output))) == (4, 8)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits a process that runs")
def test_a_full_disk_saves_nothing_and_the_key_can_be_pressed_again(codes: Path, output: Path) -> None:
    with sitting(codes, *GLYPHS, output) as (address, process):
        key = label(address, "7")["item"]["key"]
        before = (output / "annotations.jsonl").read_bytes()
        _, most = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        for size in (len(before), len(before) + 90):  # not even the line, or the line but not the picture
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, most))
            assert ask(address, "answer", key=key, label="3")[0] == 507
            assert (output / "annotations.jsonl").read_bytes() == before
            assert (len(labelled(output)), ask(address)[1]["left"]) == (1, 7)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most, most))
        assert ask(address, "answer", key=key, label="3")[0] == 200
        assert ended(process)[0] == DONE
    assert len(journal(output)) == len(labelled(output)) == 2


def test_one_process_only_this_page_and_only_possible_labels_are_taken(codes: Path, output: Path) -> None:
    with sitting(codes, *GLYPHS, output) as (address, process):
        assert main(["annotate", str(codes), *GLYPHS, str(output), "--port", "0"]) == NOTHING_DONE
        assert ended(process)[0] == DONE
    assert not output.exists()  # without an answer nothing is left
    with sitting(codes, *GLYPHS, output) as (address, _):
        key = ask(address)[1]["item"]["key"]
        host = address.split("/")[2]
        for method, path, headers, status in (
            ("GET", "/", {"Host": "elsewhere.example"}, 403),
            ("POST", f"/answer?key={key}&label=7", {"Origin": "http://elsewhere.example"}, 403),
            ("GET", f"/answer?key={key}&label=7", {"Origin": f"http://{host}"}, 404),
            ("GET", "/annotations.jsonl", {}, 404),
            ("GET", "/picture?key=other", {}, 400),
        ):
            connection = http.client.HTTPConnection(host, timeout=30)
            connection.request(method, path, headers=headers)
            assert connection.getresponse().status == status, (path, headers)
            connection.close()
        label(address, "a")
        for text in ("A", "../x", ".a", " a", "\x00", "x" * 256):
            assert ask(address, "answer", key=key, label=text)[0] == 400, text
        assert ask(address, "answer", key="other", label="a")[0] == 400
        assert len(journal(output)) == 1


def test_whole_pictures_are_copied_and_a_model_guesses(tmp_path: Path, output: Path, tiny_content: bytes) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, level in (("a.JPG", 10), ("b.png", 250)):
        cv2.imwrite(str(folder / name), np.full((60, 40, 3), level, np.uint8))
    model = written(tmp_path / "m.onnx", tiny_content)
    options = ("--labels", "dark,middle,bright", "--suggest", model, "--output", output)
    with sitting(folder, *options) as (address, process):
        name, probability = ask(address)[1]["guess"]
        assert (name, probability) == ("dark", pytest.approx(tiny_probabilities(10).max(), abs=1e-5))
        assert ask(address, "answer", key=ask(address)[1]["item"]["key"], label="other")[0] == 400
        label(address, "dark", "bright")
        ended(process)
    kept = {path.parent.name: path for path in output.glob("*/*")}
    assert {name: path.read_bytes() for name, path in kept.items()} == {
        "dark": (folder / "a.JPG").read_bytes(),
        "bright": (folder / "b.png").read_bytes(),
    }
    assert sorted(path.suffix for path in kept.values()) == [".jpg", ".png"]


@pytest.fixture
def suspects(tmp_path: Path) -> Path:
    """Three pictures of which a run doubts the labels; two classes have one of the same name."""
    for name in ("cats/1.png", "cats/deep/2.png", "dogs/1.png"):
        (tmp_path / "train" / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / "train" / name), np.full((6, 9, 3), len(name), np.uint8))
    rows = [
        (tmp_path / "train/cats/1.png", "cats", "dogs", 0.99),
        ("../train/cats/deep/2.png", "cats", "dogs", 0.9),
        ("../train/dogs/1.png", "dogs", "owls", 0.8),
    ]
    (tmp_path / "run").mkdir()
    lines = ["path,label,predicted,probability", *(",".join(map(str, row)) for row in rows)]
    (tmp_path / "run" / "suspects.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "run" / "suspects.csv"


def pictures(suspects: Path) -> set[str]:
    folder = suspects.parent.parent / "train"
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.png")}


def test_suspects_are_kept_moved_or_skipped_and_moved_back(suspects: Path) -> None:
    before = pictures(suspects)
    with sitting("--suspects", suspects) as (address, process):
        shown = ask(address)[1]
        assert (shown["present"], shown["guess"], shown["labels"]) == ("cats", ["dogs", 0.99], ["cats", "dogs", "owls"])
        label(address, "dogs", "cats", "")
        assert pictures(suspects) == before - {"cats/1.png"} | {"dogs/1-cats.png"}
        process.kill()
        process.wait()
    folder = suspects.parent.parent / "train"
    (folder / "dogs/1-cats.png").rename(folder / "cats/1.png")  # as if the kill had come before the move
    with sitting("--suspects", suspects) as (address, process):
        shown = ask(address)[1]
        assert (shown["left"], shown["counts"]) == (0, {"dogs": 1, "cats": 1, "": 1})
        assert pictures(suspects) == before - {"cats/1.png"} | {"dogs/1-cats.png"}
        key = str(folder / "cats/1.png")
        assert ask(address, "answer", key=key, label="owls")[0] == 200
        assert pictures(suspects) == before - {"cats/1.png"} | {"owls/1-cats.png"}
        assert ask(address, "undo")[1]["item"]["key"] == key
        assert ask(address, "answer", key=key, label="cats")[0] == 200
        assert ended(process)[0] == DONE
    assert pictures(suspects) == before


def test_rows_that_cannot_be_are_told(suspects: Path, tmp_path: Path) -> None:
    with suspects.open("a") as file:
        file.write("../train/cats/1.png,lions,dogs,0.7\n../train/cats/gone.png,cats,dogs,0.6\n")
    with sitting("--suspects", suspects) as (address, process):
        key = label(address, "", "", "")["item"]["key"]
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(f"{address}picture?{urlencode({'key': key})}")
        assert ended(process)[0] == SOME_FAILED
    for text in ("path,label\na,b\n", "path,label,predicted,probability\na/b,a,../c,0.9\n"):
        (tmp_path / "other.csv").write_text(text)
        assert main(["annotate", "--suspects", str(tmp_path / "other.csv")]) == NOTHING_DONE


@pytest.mark.parametrize(
    "arguments",
    [
        ["none", "--output", "new", "--labels", "a,b"],
        ["codes", "--output", "new"],
        ["codes"],
        ["--suspects", "none.csv"],
        ["blank", "--output", "new", "--regions", "glyphs:4"],
        ["codes", "--output", "new", "--labels", "cat,Cat"],
        ["codes", "--output", "new", "--labels", "a,b", "--suggest", "none.onnx"],
        ["codes", "--output", "new", "--suggest", "faces.onnx", "--regions", "glyphs:4"],
        ["codes", "--output", "begun", "--labels", "a,b"],
        ["codes", "--output", "damaged", "--labels", "a,b"],
    ],
)
def test_what_cannot_be_labelled_is_one_line(
    codes: Path,
    tmp_path: Path,
    tiny_content: bytes,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "faces.onnx", restamped(tiny_content, regions=Faces()))
    for folder, line in (("begun", '{"asked":"faces"}\n'), ("damaged", '{"asked":"none"}\nno\n'), ("blank", "")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "annotations.jsonl").write_text(line)
    assert main(["annotate", *arguments, "--port", "0"]) == NOTHING_DONE
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert not (tmp_path / "new").exists()


def test_it_loads_nothing_of_training_but_itself() -> None:
    script = "import sys, training.annotate.command; print(*sorted({n.partition('.')[0] for n in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"tensorflow", "keras", "onnx", "onnxruntime", "matplotlib", "export"} & set(done.stdout.split())
