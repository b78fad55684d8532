import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.cli import DONE, NOTHING_DONE, main
from tests.conftest import run_eyespot
from tests.training.brightness_run import LEVELS, bright_probability, make_run, write_pictures

# Keras hands its variables to NumPy 2 in the way of NumPy 1 when it saves and loads them.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

ROOT = Path(__file__).parent.parent.parent
# Level and class of what the network must get wrong, surest first.
WRONG = [(20, "bright", "dark"), (90, "bright", "dark"), (160, "dark", "bright")]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EYESPOT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "pictures")


@pytest.fixture
def brightness_run(tmp_path: Path, pictures: Path) -> Path:
    return make_run(tmp_path / "brightness", pictures, tmp_path / "cache")


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """Return the one line with which a call that must do nothing was refused."""
    assert main(["evaluate", *map(str, arguments)]) == NOTHING_DONE
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line.startswith("eyespot: ")]
    assert out == ""
    assert len(lines) == 1
    return lines[0]


def test_the_report_is_what_the_weights_say(brightness_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(brightness_run), "--json"]) == DONE
    out, err = capsys.readouterr()
    assert "10 of 10 held-out images" in err
    record = json.loads(out)
    assert record == json.loads((brightness_run / "evaluation" / "report.json").read_text())
    assert record["accuracy"] == pytest.approx(0.7)
    assert record["confusion"] == [[3, 2], [1, 4]]
    bright, dark = record["classes"]
    assert (bright["precision"], bright["recall"]) == pytest.approx((3 / 4, 3 / 5))
    assert (dark["precision"], dark["recall"], dark["support"]) == pytest.approx((4 / 6, 4 / 5, 5))
    answers = [max(p, 1 - p) for greys in LEVELS.values() for p in map(bright_probability, greys)]
    mean_confidence = sum(b["images"] * (b["confidence"] or 0) for b in record["bins"]) / 10
    # Float32 sums of 16 products.
    assert mean_confidence == pytest.approx(np.mean(answers), abs=1e-6)


def test_answers_are_counted_where_there_is_a_threshold(
    brightness_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(brightness_run)]) == DONE
    assert "unsure  " not in capsys.readouterr().out
    path = brightness_run / "spec.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"abstain_below": 0.9}))
    assert main(["evaluate", str(brightness_run)]) == DONE
    # Levels 90 and 160 are less sure than that, and both are wrong; of the eight others only 20 is.
    assert "unsure             below 90.00%; 80.00% are answered, 87.50% of the answers are right" in (
        capsys.readouterr().out
    )
    record = json.loads((brightness_run / "evaluation" / "report.json").read_text())
    assert record["answers"] == {"below": 0.9, "answered": 0.8, "accuracy": 0.875}


def test_mistakes_are_named_surest_first_and_pictured(brightness_run: Path) -> None:
    assert main(["evaluate", str(brightness_run)]) == DONE
    folder = brightness_run / "evaluation"
    mistakes = json.loads((folder / "mistakes.json").read_text())
    assert [m.pop("confidence") for m in mistakes] == pytest.approx(
        [max(p, 1 - p) for p in (bright_probability(level) for level, _, _ in WRONG)], abs=1e-6
    )
    assert mistakes == [
        {"name": f"{true}/grey_{level:03}.png", "true": true, "predicted": predicted}
        for level, true, predicted in WRONG
    ]
    with Image.open(folder / "mistakes.png") as picture:
        sheet = np.asarray(picture.convert("RGB"))
    # The three pictures stand side by side in that order, each of one grey level.
    third = sheet.shape[1] // 3
    for i, (level, _, _) in enumerate(WRONG):
        assert sheet[int(sheet.shape[0] * 0.6), third * i + third // 2].tolist() == [level] * 3
    for name in ("confusion.png", "reliability.png"):
        with Image.open(folder / name) as picture:
            assert min(picture.size) > 300


@pytest.mark.slow
def test_the_table_says_it_all(brightness_run: Path, tmp_path: Path) -> None:
    output = tmp_path / "elsewhere"
    # Started as a user does, from any folder.
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = run_eyespot("evaluate", brightness_run, "--output", output, env=environment, cwd=tmp_path)
    assert done.returncode == DONE, done.stderr
    lines = done.stdout.splitlines()
    assert lines[2].split() == ["class", "precision", "recall", "F1", "support"]
    assert lines[3].split() == ["bright", "75.00%", "60.00%", "66.67%", "5"]
    # Wilson's interval for 7 of 10, as statistics books print it.
    assert "70.00% of 10 images; 95 % interval 39.68% to 89.22%" in done.stdout
    assert "mistakes           3; the surest: bright/grey_020.png, bright -> dark (99.37%)" in done.stdout
    assert {path.name for path in output.iterdir()} == {
        *("report.json", "confusion.png", "reliability.png", "mistakes.json", "mistakes.png")
    }
    assert not (brightness_run / "evaluation").exists()


def test_another_data_set_without_mistakes(
    brightness_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_pictures(tmp_path / "other", {"dark": (5, 15), "bright": (240,)})
    assert main(["evaluate", str(brightness_run)]) == DONE
    assert main(["evaluate", str(brightness_run), "--dataset", str(other)]) == DONE
    out, err = capsys.readouterr()
    assert "mistakes           none, so there is no picture of them" in out
    assert "100.00% of 3 images" in out
    assert "trained on" not in err
    # That of the evaluation before is gone as well.
    assert not (brightness_run / "evaluation" / "mistakes.png").exists()
    assert json.loads((brightness_run / "evaluation" / "mistakes.json").read_text()) == []


def test_what_the_held_out_images_have_chosen_is_said(
    brightness_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*arguments: str) -> str | None:
        assert main(["evaluate", str(brightness_run), *arguments]) == DONE
        return next((line for line in capsys.readouterr().err.splitlines() if "flatters" in line), None)

    path = brightness_run / "spec.json"
    spec = json.loads(path.read_text())

    def change(temperature: float, threshold: float | None) -> None:
        training = spec["training"] | {"temperature": temperature}
        path.write_text(json.dumps(spec | {"training": training, "abstain_below": threshold}))

    change(1.0, None)
    assert said() is None
    change(1.5, None)
    behind = ", which flatters the figures; --dataset judges by others"
    assert said() == f"these images also chose the temperature{behind}"
    (brightness_run / "checkpoints").mkdir()
    change(1.5, 0.5)
    assert said() == f"these images also chose the temperature, the threshold and the checkpoint{behind}"
    assert said("--dataset", str(write_pictures(tmp_path / "other", {"dark": (5, 15), "bright": (240,)}))) is None


def test_an_output_inside_the_data_set_is_refused(
    brightness_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_pictures(tmp_path / "other", {"dark": (5, 15), "bright": (240,)})
    assert "is inside the data set" in refusal(
        capsys, brightness_run, "--dataset", other, "--output", other / "evaluation"
    )
    assert {path.name for path in other.iterdir()} == {"dark", "bright"}


def test_a_warning_where_the_run_has_seen_the_images(
    brightness_run: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(brightness_run), "--dataset", str(pictures)]) == DONE
    assert "trained on most of these images" in capsys.readouterr().err


def test_bad_images_are_named_and_left_out_only_on_demand(
    brightness_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_pictures(tmp_path / "other", {"dark": (5, 15), "bright": (240,)})
    (other / "dark" / "broken.png").write_bytes(b"no picture")
    assert "dark/broken.png (not_an_image)" in refusal(capsys, brightness_run, "--dataset", other)
    assert main(["evaluate", str(brightness_run), "--dataset", str(other), "--skip-bad"]) == DONE
    assert "100.00% of 3 images" in capsys.readouterr().out


def test_what_cannot_be_evaluated_is_one_line(
    brightness_run: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_pictures(tmp_path / "other", {"dark": (5,), "light": (240,)})
    assert "it lacks 'bright' and it brings 'light'" in refusal(capsys, brightness_run, "--dataset", other)
    assert "unknown data set" in refusal(capsys, brightness_run, "--dataset", "nothing")
    assert "not a finished run" in refusal(capsys, pictures)
    (tmp_path / "taken").write_text("")
    assert "taken" in refusal(capsys, brightness_run, "--output", tmp_path / "taken")


@pytest.mark.parametrize("name", ["model.keras", "held_out.zip", "spec.json"])
def test_a_damaged_run_is_one_line(brightness_run: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    content = (brightness_run / name).read_bytes()
    (brightness_run / name).write_bytes(content[: len(content) // 2])
    assert name in refusal(capsys, brightness_run)


def test_a_run_with_damage_inside_its_network_is_one_line(
    brightness_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = brightness_run / "model.keras"
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 100] = bytes(range(100))
    path.write_bytes(content)
    assert "model.keras: Keras cannot read this model" in refusal(capsys, brightness_run)


def test_a_spec_of_another_network_is_one_line(brightness_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = brightness_run / "spec.json"
    spec = json.loads(path.read_text())
    path.write_text(json.dumps(spec | {"labels": ["bright", "dark", "grey"]}))
    assert "3 labels" in refusal(capsys, brightness_run)
    spec["preprocessing"][0]["height"] = 9
    path.write_text(json.dumps(spec))
    assert "preprocessing gives (9, 4, 1)" in refusal(capsys, brightness_run)


def test_a_run_that_kept_only_some_says_how_many(brightness_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    held_out = brightness_run / "held_out.zip"
    with zipfile.ZipFile(held_out) as archive:
        entries = [(entry, archive.read(entry)) for entry in archive.infolist()]
    with zipfile.ZipFile(held_out, "w") as archive:
        for entry, content in entries[3:8]:
            archive.writestr(entry, content)
    assert main(["evaluate", str(brightness_run)]) == DONE
    assert "5 of 10 held-out images are in the run folder" in capsys.readouterr().err
