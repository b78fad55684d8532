from pathlib import Path
from xml.etree import ElementTree

import keras
import pytest
from PIL import Image

from edge.cli import DONE, NOTHING_DONE, main
from tests.training.brightness_run import make_run, write_pictures
from training import architecture_command
from training.networks.catalogue import NETWORKS


def test_the_table_adds_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["architecture", "lenet"]) == DONE
    head, blank, columns, *rows, total = capsys.readouterr().out.splitlines()
    assert head == "lenet: 12 layers, 1,256,080 parameters, 6,522,000 multiply-adds"
    assert (blank, columns.split()) == ("", ["layer", "kind", "output", "parameters", "multiply-adds"])
    assert len({len(line) for line in (columns, *rows, total)}) == 1
    for column, expected in ((-2, "1,256,080"), (-1, "6,522,000")):
        assert sum(int(row.split()[column].replace(",", "")) for row in rows) == int(expected.replace(",", ""))
        assert total.split()[column] == expected


@pytest.mark.parametrize(
    ("arguments", "head"),
    [
        # 40 weights and an offset for each class.
        (["linear", "--input", "4x5x2", "--classes", "6"], "4 layers, 246 parameters, 240 multiply-adds"),
        (["shallownet-cifar10"], "6 layers, 328,586 parameters"),
        (["efficientnet-lite0"], "4,694,024 parameters"),
    ],
)
def test_networks_and_recipes_have_names(arguments: list[str], head: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["architecture", *arguments]) == DONE
    assert head in capsys.readouterr().out.splitlines()[0]


def test_both_kinds_of_picture_open(tmp_path: Path) -> None:
    """Squeezenet has branches."""
    assert main(["architecture", "squeezenet", "--output", str(tmp_path / "a.png")]) == DONE
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.height > picture.width > 300
    assert main(["architecture", "shallownet", "--output", str(tmp_path / "deeper" / "a.svg")]) == DONE
    assert ElementTree.parse(tmp_path / "deeper" / "a.svg").getroot().tag == "{http://www.w3.org/2000/svg}svg"


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras, saving and loading
def test_runs_and_files_of_keras_show_their_own_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path / "brightness", write_pictures(tmp_path / "pictures"), tmp_path / "cache")
    keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(3)]).save(tmp_path / "m.keras")
    for network, head in ((run, "4 layers, 34 parameters, 32"), (tmp_path / "m.keras", "3 layers, 51 parameters, 48")):
        assert main(["architecture", str(network)]) == DONE
        assert f"{head} multiply-adds" in capsys.readouterr().out
        assert main(["architecture", str(network), "--classes", "3"]) == NOTHING_DONE


@pytest.mark.parametrize(
    "arguments",
    [
        *(["lenett"], ["knn"], ["squeezenet", "--input", "4x4x3"], [str(Path(__file__).parent)], [__file__]),
        *(["lenet", "--output", name] for name in ("lenet.jpg", "lenet", ".png")),
        ["lenet", "--classes", "0"],
    ],
)
def test_what_cannot_be_shown_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["architecture", *arguments]) == NOTHING_DONE
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)


@pytest.mark.parametrize("text", ["28", "28x28", "0x28x1", "28x28x1x1", "-1x2x3", "90000x1x1", "28x28xRGB"])
def test_a_bad_input_is_a_wrong_call(text: str) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["architecture", "lenet", f"--input={text}"])
    assert exit_.value.code == NOTHING_DONE


def test_the_help_names_every_network() -> None:
    assert set(NETWORKS) <= set((architecture_command.__doc__ or "").replace(",", " ").split())
