import os
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from edge.cli import DONE, NOTHING_DONE, main
from tests.conftest import run_eyespot
from tests.training.brightness_run import make_run, write_pictures
from training import architecture_command
from training.networks.catalogue import NETWORKS

ROOT = Path(__file__).parent.parent.parent


def test_the_table_adds_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["architecture", "lenet"]) == DONE
    head, blank, columns, *rows, total = capsys.readouterr().out.splitlines()
    assert head == "lenet: 12 layers, 1,256,080 parameters, 6,522,000 multiply-adds"
    assert (blank, columns.split()) == ("", ["layer", "kind", "output", "parameters", "multiply-adds"])
    assert len({len(line) for line in (columns, *rows, total)}) == 1
    for column, expected in ((-2, "1,256,080"), (-1, "6,522,000")):
        assert sum(int(row.split()[column].replace(",", "")) for row in rows) == int(expected.replace(",", ""))
        assert total.split()[column] == expected


def test_input_and_classes_are_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["architecture", "linear", "--input", "4x5x2", "--classes", "6"]) == DONE
    # 40 weights and an offset for each class.
    assert "4 layers, 246 parameters, 240 multiply-adds" in capsys.readouterr().out


def test_both_kinds_of_picture_open(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    png, svg = tmp_path / "shallownet.png", tmp_path / "deeper" / "shallownet.SVG"
    assert main(["architecture", "shallownet", "--output", str(png)]) == DONE
    assert f"written: {png}" in capsys.readouterr().out
    with Image.open(png) as picture:
        assert min(picture.size) > 400
    assert main(["architecture", "shallownet", "--output", str(svg)]) == DONE
    assert ElementTree.parse(svg).getroot().tag == "{http://www.w3.org/2000/svg}svg"


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras, saving and loading
def test_a_run_shows_its_own_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path / "brightness", write_pictures(tmp_path / "pictures"), tmp_path / "cache")
    assert main(["architecture", str(run)]) == DONE
    # 16 pixels to 2 classes.
    assert "4 layers, 34 parameters, 32 multiply-adds" in capsys.readouterr().out
    assert main(["architecture", str(run), "--classes", "3"]) == NOTHING_DONE
    assert "a run has its own" in capsys.readouterr().err


@pytest.mark.slow
def test_as_a_user_starts_it(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = run_eyespot("architecture", "mlp-mnist", "--output", "mlp.svg", env=environment, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (DONE, "")
    assert (tmp_path / "mlp.svg").is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lenett"], "did you mean 'lenet'"),
        (["squeezenet", "--input", "4x4x3"], "squeezenet cannot be built for an input of 4x4x3"),
        ([str(ROOT / "tests")], "not a finished run"),
    ],
)
def test_what_cannot_be_shown_is_one_line(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["architecture", *arguments]) == NOTHING_DONE
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("text", ["28", "28x28", "0x28x1", "28x28x1x1", "-1x2x3", "9000x1x1", "28x28xRGB"])
def test_a_bad_input_is_a_wrong_call(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["architecture", "lenet", f"--input={text}"])
    assert exit_.value.code == NOTHING_DONE
    assert "must be height x width x channels" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["lenet.jpg", "lenet", ".png"])
def test_a_picture_of_another_kind_is_a_wrong_call(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["architecture", "lenet", "--output", name])
    assert exit_.value.code == NOTHING_DONE
    assert f"must end in .png or .svg. Received: {name}" in capsys.readouterr().err


def test_the_help_names_every_network() -> None:
    named = set(re.findall(r"[\w-]+", architecture_command.__doc__ or ""))
    assert set(NETWORKS) <= named
