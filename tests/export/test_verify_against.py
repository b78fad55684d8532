"""`eyespot verify --against`: a network whose answers are known by formula, against files that are right and wrong."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import numpy_helper
from PIL import Image

from edge.spec import Variant
from export.quiet_tensorflow import start_tensorflow
from eyespot.cli import main
from tests.edge.artifacts import restamped, without_entry, written

start_tensorflow()

from tests.export.brightness_run import LEVELS, STEEPNESS, bright_probability, make_run, write_pictures

# Float32 logits up to 6 through a softmax, against float64.
FLOAT32 = 2e-6
# As the names in the zip say; and two changed copies of each picture.
LEVEL_OF = {f"{label}/grey_{grey:03}.png": grey for label, greys in LEVELS.items() for grey in greys}
# The file's weights, where they were made wrong, are this much larger.
FACTOR = np.float32(1.01)

Compare = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run folder and the artifact that export made of it."""
    folder = tmp_path_factory.mktemp("against")
    run = make_run(folder / "brightness", write_pictures(folder / "pictures"))
    assert main(["export", str(run), "--output", str(folder / "m.onnx")]) == 0
    return run, folder / "m.onnx"


@pytest.fixture
def run(made: tuple[Path, Path]) -> Path:
    return made[0]


@pytest.fixture
def model(made: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of the artifact, to change."""
    return written(tmp_path / "m.onnx", made[1].read_bytes())


@pytest.fixture
def wrong_model(model: Path) -> Path:
    """The artifact with steeper weights and a valid version."""
    graph = without_entry(model.read_bytes())
    weights = next(c for c in graph.graph.initializer if list(c.dims) == [16, 2])
    weights.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights) * FACTOR, weights.name))
    return written(model, restamped(model.read_bytes(), graph))


@pytest.fixture
def compared(capsys: pytest.CaptureFixture[str]) -> Compare:
    """Run the comparison with --json and return the status and the object."""

    def compare(model: Path, run: Path, *options: object) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        status = main(["verify", str(model), "--against", str(run), "--json", *map(str, options)])
        return status, json.loads(capsys.readouterr().out)

    return compare


def test_what_was_exported_is_what_keras_says(model: Path, run: Path, compared: Compare) -> None:
    status, found = compared(model, run, "--worst", 30)
    differences = [row["difference"] for row in found["worst"]]
    assert (status, found["images"], found["comparisons"], found["same_best_label"]) == (0, 10, 30, 30)
    assert (found["tolerance"], differences) == (1e-5, sorted(differences, reverse=True))
    assert found["largest_difference"] == differences[0] <= FLOAT32
    native = {row["image"].partition(" at ")[0]: row["keras"] for row in found["worst"] if " at 5x7" in row["image"]}
    assert native.keys() == LEVEL_OF.keys()
    for name, keras in native.items():
        bright = bright_probability(LEVEL_OF[name])
        assert keras["label"] == ("bright" if bright > 0.5 else "dark")
        assert keras["probability"] == pytest.approx(max(bright, 1 - bright), abs=FLOAT32)


def test_a_file_that_answers_otherwise_fails_by_as_much(
    wrong_model: Path, run: Path, compared: Compare, capsys: pytest.CaptureFixture[str]
) -> None:
    status, found = compared(wrong_model, run, "--worst", 30)
    assert (status, found["passed"]) == (2, False)
    for row in found["worst"]:
        name, _, size = row["image"].partition(" at ")
        if size == "5x7":
            logit = STEEPNESS * LEVEL_OF[name] / 255
            wrong = 1 / (1 + np.exp(STEEPNESS / 2 - float(FACTOR) * logit))
            assert row["difference"] == pytest.approx(abs(wrong - bright_probability(LEVEL_OF[name])), abs=FLOAT32)
    assert compared(wrong_model, run, "--tolerance", 0.1)[0] == 0
    capsys.readouterr()
    assert main(["verify", str(wrong_model), "--against", str(run), "--worst", "2"]) == 2
    first, empty, head, *rows = capsys.readouterr().out.splitlines()
    assert "FAILED" in first
    assert (empty, head.split(), len(rows)) == ("", ["difference", "best", "label", "image"], 2)
    assert all("same" in row and ".png at " in row for row in rows)


def test_images_of_ones_own_and_bad_ones_among_them(
    model: Path, run: Path, tmp_path: Path, compared: Compare, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    Image.new("L", (40, 30), 140).save(folder / "one.png")
    (folder / "two.png").write_bytes(b"words")
    (folder / "three.jpg").write_bytes(b"")
    status, found = compared(model, run, "--images", folder)
    assert (status, found["passed"], found["images"], found["comparisons"]) == (1, True, 1, 3)
    bad = [(row["path"], row["code"]) for row in found["bad"]]
    assert bad == [(str(folder / "three.jpg"), "empty"), (str(folder / "two.png"), "not_an_image")]
    main(["verify", str(model), "--against", str(run), "--images", str(folder)])
    assert [line.split(": ")[1] for line in capsys.readouterr().err.splitlines()] == [path for path, _ in bad]


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    capsys.readouterr()
    assert main(["verify", *map(str, arguments)]) == 2
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert out == ""
    return line


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("labels", ["light", "dark"]),
        ("preprocessing", [{"kind": "resize", "height": 4, "width": 4, "method": "linear"}, {"kind": "grey"}]),
        ("training", None),
    ],
)
def test_a_run_of_another_model_is_refused(
    model: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], field: str, value: object
) -> None:
    other = Path(shutil.copytree(run, tmp_path / "other"))
    spec = json.loads((run / "spec.json").read_text())
    (other / "spec.json").write_text(json.dumps(spec | {field: value}))
    assert f"their {field} differ" in refused(capsys, model, "--against", other)


def test_what_is_missing_is_one_line(
    model: Path, run: Path, tmp_path: Path, compared: Compare, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert "no image to compare on" in refused(capsys, model, "--against", run, "--images", tmp_path / "empty")
    assert "not a finished run" in refused(capsys, model, "--against", tmp_path / "empty")
    for option, value in {"--images": "x", "--tolerance": "0.5", "--worst": "1"}.items():
        assert option in refused(capsys, model, option, value)
    smaller = Variant("int8", "x86", "minmax", (), 100, 0.98, 0.99, 1.0, 0.01, 0.5)
    written(model, restamped(model.read_bytes(), variant=smaller))
    assert "--tolerance" in refused(capsys, model, "--against", run)
    assert compared(model, run, "--tolerance", "0.1")[0] == 0


@pytest.mark.parametrize("package", ["onnx", "keras"])
def test_without_the_extra_one_line_names_it(
    model: Path, run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in ("export", package)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    assert "eyespot[export]" in refused(capsys, model, "--against", run)
    assert main(["verify", str(model)]) == 0  # which needs none of it
