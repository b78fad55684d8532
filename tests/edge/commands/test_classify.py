"""`eyespot classify` as a user meets it: every kind of input, named in every way, whole or broken."""

import json
import os
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.arguments import DONE, NOTHING_DONE, SOME_FAILED
from eyespot.cli import main
from tests.conftest import Run, tiny_probabilities
from tests.edge.artifacts import written
from tests.edge.pictures import PNG_MAGIC, grey, png, png_chunk
from tests.edge.regions.drawn_glyphs import code

LABELS = ("dark", "middle", "bright")
LEVELS = {"dark.png": 10, "middle.png": 128, "bright.png": 240}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_model: Path) -> Path:
    """A working directory with the tiny model and three pictures."""
    for name, level in LEVELS.items():
        written(tmp_path / name, grey(level))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def classify(eyespot: Run) -> Run:
    return lambda *arguments, **options: eyespot("classify", "tiny.onnx", *arguments, **options)


def ranked(level: int) -> list[tuple[str, float]]:
    """Labels and probabilities from NumPy, best first."""
    return sorted(zip(LABELS, tiny_probabilities(level).tolist(), strict=True), key=lambda pair: -pair[1])


def records(done: "subprocess.CompletedProcess[str]") -> list[dict]:  # type: ignore[type-arg]
    return [json.loads(line) for line in done.stdout.splitlines()]


def codes(done: "subprocess.CompletedProcess[str]") -> dict[str, str | None]:
    return {record["path"]: record["error"] and record["error"]["code"] for record in records(done)}


def test_the_table_is_aligned_and_says_what_numpy_says(classify: Run) -> None:
    done = classify(*LEVELS)
    expected = [
        f"{name:<10}   " + "   ".join(f"{label:<6} {probability:>7.2%}" for label, probability in ranked(level))
        for name, level in LEVELS.items()
    ]
    assert done.stdout.splitlines() == expected
    assert (done.returncode, done.stderr) == (DONE, "")


def test_json_has_one_object_for_each_input_in_order(classify: Run) -> None:
    names = ["bright.png", "none.png", "dark.png", "bright.png"]
    done = classify(*names, "--json")
    assert (done.returncode, done.stderr) == (SOME_FAILED, "")
    assert [record["path"] for record in records(done)] == names
    for record in records(done):
        assert list(record) == ["path", "predictions", "unsure", "note", "error"]
        if record["path"] == "none.png":
            assert record["predictions"] == []
            assert record["error"] == {"code": "not_found", "message": "there is no such file"}
        else:
            best = [(p["label"], pytest.approx(p["probability"], abs=1e-6)) for p in record["predictions"]]
            assert best == ranked(LEVELS[record["path"]])
            assert (record["note"], record["error"]) == (None, None)


@pytest.mark.parametrize(
    "arguments",
    [["--top-k", "0"], ["--top-k", "-1"], ["--top-k", "two"], ["--max-pixels", "0"], ["--gaze"]],
    ids=" ".join,
)
def test_a_wrong_call_ends_with_2_before_anything_is_done(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["classify", "tiny.onnx", "dark.png", *arguments])
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (NOTHING_DONE, "")
    (line,) = err.splitlines()
    assert line.startswith("eyespot: ")
    assert line.endswith("(see 'eyespot classify --help')")


def test_folders_globs_and_standard_input_are_understood(classify: Run) -> None:
    Path("below/deeper").mkdir(parents=True)
    for name in ("below/b.png", "below/deeper/c.PNG", "below/notes.txt", "below/.hidden.png"):
        written(Path(name), grey(10))
    done = classify("below", "?a*.png", "-", "--json", text=False, input=grey(240))
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == DONE
    assert [record["path"] for record in found] == ["below/b.png", "below/deeper/c.PNG", "dark.png", "-"]
    assert [record["predictions"][0]["label"] for record in found] == ["dark", "dark", "dark", "bright"]


def test_every_broken_picture_has_its_code_and_the_others_are_done(classify: Run, folder: Path) -> None:
    (folder / "empty").mkdir()
    (folder / "loop.png").symlink_to("loop.png")
    claims = PNG_MAGIC + png_chunk(b"IHDR", b"\0\0\x75\x30" * 2 + b"\x08\2\0\0\0")  # 30,000 x 30,000
    broken = {
        "truncated.png": (grey(10)[:-20], "corrupt"),
        "damaged.png": (grey(10).replace(b"IDAT", b"IDAX"), "corrupt"),
        "zero.png": (b"", "empty"),
        "text.png": (b"I am a text with the name of a picture\n", "not_an_image"),
        "photo.jxl": (b"\xff\x0a" + bytes(40), "unsupported_format"),
        "huge.png": (claims + png_chunk(b"IDAT") + png_chunk(b"IEND"), "too_many_pixels"),
    }
    for name, (content, _) in broken.items():
        written(folder / name, content)
    written(folder / "sparse.png", grey(10))
    os.truncate(folder / "sparse.png", 1 << 40)
    expected = {name: code for name, (_, code) in broken.items()} | {
        "sparse.png": "too_many_bytes",
        "none.png": "not_found",
        "empty": "not_found",
        "*.gif": "not_found",
        "loop.png": "unreadable",
    }
    done = classify("dark.png", *expected, "bright.png", "--json")
    assert done.returncode == SOME_FAILED
    assert codes(done) == {"dark.png": None, **expected, "bright.png": None}
    table = classify("dark.png", *expected, "bright.png", "--top-k", "1")
    assert table.returncode == SOME_FAILED
    assert [line.split()[0] for line in table.stdout.splitlines()] == ["dark.png", "bright.png"]
    named = [line.split(": ")[:3] for line in table.stderr.splitlines()]
    assert named == [["eyespot", name, code] for name, code in expected.items()]


def test_standard_input_holds_one_picture(classify: Run) -> None:
    done = classify("-", "dark.png", "-", input="")
    assert (done.returncode, done.stdout) == (NOTHING_DONE, "")
    assert done.stderr == "eyespot: standard input (-) holds one image; name it once\n"


def test_unsure_is_an_answer(classify: Run) -> None:
    done = classify("dark.png", "middle.png", "--json", "--min-probability", "0.9")
    assert done.returncode == DONE
    expected = [tiny_probabilities(LEVELS[name]).max() < 0.9 for name in ("dark.png", "middle.png")]
    assert [record["unsure"] for record in records(done)] == expected == [False, True]


def test_regions_replace_the_whole_picture(classify: Run, folder: Path) -> None:
    picture, drawn = code("7391")
    written(folder / "code.png", png(picture))
    (record,) = records(classify("code.png", "--regions", "glyphs:4", "--json"))
    assert record["predictions"] == []
    assert len(record["text"]) == sum(len(region["predictions"][0]["label"]) for region in record["regions"])
    for region, box in zip(record["regions"], drawn, strict=True):
        crop = np.pad(picture, ((5, 5), (5, 5), (0, 0)), mode="edge")
        x, y, width, height = (region["box"][name] for name in ("x", "y", "width", "height"))
        mean = crop[y : y + height + 10, x : x + width + 10].mean()
        assert abs(x - box.x) <= 1
        # Pillow's filter shrinks to 4x4 and rounds there: half a level of 255 times the slope of 12, twice.
        found = {p["label"]: p["probability"] for p in region["predictions"]}
        assert found["bright"] == pytest.approx(tiny_probabilities(mean)[2], abs=0.05)
    written(folder / "code.png", png(code("739")[0]))
    done = classify("code.png", "--regions", "glyphs:4", "--json")
    assert done.returncode == DONE
    (record,) = records(done)
    assert (record["text"], record["unsure"]) == (None, True)
    assert (record["note"], len(record["regions"])) == ("3 glyphs found, 4 expected", 3)


def test_a_picture_without_regions_says_so(classify: Run) -> None:
    done = classify("dark.png", "--regions", "faces")
    assert (done.returncode, done.stdout, done.stderr) == (DONE, "dark.png   (no faces found)\n", "")
    done = classify("dark.png", "--regions", "glyphs:4")
    assert done.stdout == "dark.png   unsure   (no glyphs found, 4 expected)\n"


def test_annotated_copies_are_written_for_what_was_classified(classify: Run, folder: Path) -> None:
    done = classify("dark.png", "none.png", "--draw", "drawn")
    assert done.returncode == SOME_FAILED
    (copy,) = (folder / "drawn").iterdir()
    assert copy.name == "dark-annotated.png"
    assert cv2.imread(str(copy)).shape == (243, 297, 3)  # 9x11, enlarged 27 times


@pytest.mark.parametrize(("model", "words"), [("dark.png", "MODEL comes first"), ("run", "eyespot export run")])
def test_an_image_or_a_run_in_the_place_of_the_model_is_named(
    model: str, words: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "run").mkdir()
    (folder / "run" / "spec.json").write_text("{}")
    assert main(["classify", model, "tiny.onnx"]) == NOTHING_DONE
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), words in err) == ("", 1, True)
