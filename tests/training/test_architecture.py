"""`eyespot architecture`: its table against figures counted by hand, those of the papers, and Keras's own counts."""

from pathlib import Path
from xml.etree import ElementTree

import keras
import pytest
from keras import layers
from PIL import Image

from edge.arguments import DONE, NOTHING_DONE
from export.run_folder import RunFolder
from eyespot.cli import main
from training import architecture
from training.layer_table import count_multiply_adds, tabulate_layers
from training.networks.catalogue import NETWORKS


def test_lenet_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["architecture", "lenet"]) == DONE
    head, *_ = capsys.readouterr().out.splitlines()
    assert head == "lenet: 12 layers, 1,256,080 parameters, 6,522,000 multiply-adds"
    rows = tabulate_layers(NETWORKS["lenet"].build())
    assert [(row.kind, row.shape) for row in rows[:2]] == [("InputLayer", "28x28x1"), ("Conv2D", "28x28x20")]
    products = [28 * 28 * 20 * 5 * 5 * 1, 14 * 14 * 50 * 5 * 5 * 20, 7 * 7 * 50 * 500, 500 * 10]
    assert [row.multiply_adds for row in rows if row.multiply_adds] == products
    assert [row.parameters for row in rows if row.parameters] == [520, 25_050, 1_225_500, 5_010]
    assert [row.inputs for row in rows] == [(), *((i,) for i in range(11))]


@pytest.mark.parametrize(
    ("arguments", "head"),
    [
        # 40 weights and an offset for each class.
        (["linear", "--input", "4x5x2", "--classes", "6"], "4 layers, 246 parameters, 240 multiply-adds"),
        (["shallownet-cifar10"], "6 layers, 328,586 parameters"),
        (["smiles-book", "--classes", "3"], "1,252,573 parameters"),
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


def test_runs_and_files_of_keras_show_their_own_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = keras.Sequential([keras.Input((4, 4, 1)), layers.Flatten(), layers.Dense(3)])
    (tmp_path / "run").mkdir()
    for path, name in ((tmp_path / "m.keras",) * 2, (RunFolder(tmp_path / "run").model, tmp_path / "run")):
        network.save(path)
        assert main(["architecture", str(name)]) == DONE
        assert "3 layers, 51 parameters, 48 multiply-adds" in capsys.readouterr().out
        assert main(["architecture", str(name), "--classes", "3"]) == NOTHING_DONE


@pytest.mark.parametrize(
    "arguments",
    [["minivgg"], ["knn"], ["lenet", "--input", "2x2x1"], ["lenet-mnist", "--input", "2x2x1"], [__file__]],
)
def test_what_cannot_be_shown_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["architecture", *arguments]) == NOTHING_DONE
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert ("'minivggnet'?" in err) == (arguments == ["minivgg"])


@pytest.mark.parametrize("option", ["--input=28x28", "--input=0x28x1", "--output=lenet.jpg", "--classes=0"])
def test_a_bad_option_is_a_wrong_call(option: str) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["architecture", "lenet", option])
    assert exit_.value.code == NOTHING_DONE


def test_the_help_names_every_network() -> None:
    assert set(NETWORKS) <= set((architecture.__doc__ or "").replace(",", " ").split())


@pytest.mark.parametrize(
    ("shape", "layer", "expected"),
    [
        ((9, 11, 6), layers.Conv2D(8, (3, 5), strides=2, groups=2), (4 * 4) * 8 * (3 * 5 * 3)),
        ((9, 11, 6), layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2), (9 * 11) * 12 * (3 * 3)),
        ((9, 11, 6), layers.SeparableConv2D(7, 3, padding="same"), (9 * 11) * (6 * 3 * 3 + 6 * 7)),
        ((9, 11, 6), layers.BatchNormalization(), 0),
        # A transposed kernel is used once for each pixel that it is given.
        ((9, 11, 6), layers.Conv2DTranspose(8, 3, strides=2), (9 * 11) * 6 * (3 * 3) * 8),
    ],
)
def test_every_kind_of_kernel_by_hand(shape: tuple[int, ...], layer: keras.Layer, expected: int) -> None:
    image = keras.Input(shape)
    assert count_multiply_adds(layer, image.shape[1:], layer(image).shape[1:]) == expected


def test_a_network_within_a_network_and_branches_are_counted() -> None:
    image = keras.Input((2, 3))
    inner = keras.Model(image, layers.Dense(5)(image))
    outer = tabulate_layers(keras.Sequential([keras.Input((2, 3)), inner, layers.Dense(4)]))
    assert [row.multiply_adds for row in outer] == [0, 2 * 3 * 5, 2 * 5 * 4]
    rows = {row.name: row for row in tabulate_layers(NETWORKS["squeezenet"].build())}
    assert rows["fire2_expand1x1"].inputs == rows["fire2_expand3x3"].inputs
    assert [len(row.inputs) for row in rows.values() if row.kind == "Concatenate"] == [2] * 8
