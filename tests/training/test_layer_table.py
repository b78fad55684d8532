import keras
import numpy as np
import pytest
from keras import layers
from training.networks.knn import NearestNeighbours

from training.layer_table import LayerRow, count_multiply_adds, tabulate_layers
from training.networks.architecture import Architecture
from training.networks.catalogue import build_network
from training.networks.minivggnet import build_minivggnet


def total(rows: tuple[LayerRow, ...]) -> int:
    return sum(row.multiply_adds for row in rows)


def test_lenet_by_hand() -> None:
    rows = tabulate_layers(build_network("lenet"))
    assert [(row.kind, row.shape) for row in rows[:3]] == [
        ("InputLayer", "28x28x1"),
        ("Conv2D", "28x28x20"),
        ("Activation", "28x28x20"),
    ]
    assert [row.multiply_adds for row in rows if row.multiply_adds] == [
        28 * 28 * 20 * 5 * 5 * 1,
        14 * 14 * 50 * 5 * 5 * 20,
        7 * 7 * 50 * 500,
        500 * 10,
    ]
    assert [row.parameters for row in rows if row.parameters] == [520, 25_050, 1_225_500, 5_010]
    assert [row.inputs for row in rows] == [(), *((i,) for i in range(11))]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "millions"),
    [
        # M. Sandler et al., MobileNetV2, 2018, table 4.
        ("mobilenetv2", 300),
        # K. He et al., Deep Residual Learning, 2015, table 1; theirs halves the picture one convolution earlier.
        ("resnet50", 3_800),
    ],
)
def test_multiply_adds_are_those_of_the_paper(name: str, millions: int) -> None:
    network = build_network(name)
    rows = tabulate_layers(network)
    assert sum(row.parameters for row in rows) == network.count_params()
    # The papers round to two digits.
    assert total(rows) / 1e6 == pytest.approx(millions, rel=0.03)


@pytest.mark.parametrize(
    ("shape", "layer", "expected"),
    [
        ((9, 11, 6), layers.Conv2D(8, (3, 5), strides=2, groups=2), (4 * 4) * 8 * (3 * 5 * 3)),
        ((9, 11, 6), layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2), (9 * 11) * 12 * (3 * 3)),
        ((9, 11, 6), layers.SeparableConv2D(7, 3, padding="same"), (9 * 11) * (6 * 3 * 3 + 6 * 7)),
        ((9, 11, 6), layers.Dense(4), (9 * 11) * 6 * 4),
        ((9, 11, 6), layers.BatchNormalization(), 0),
        ((9, 6), layers.Conv1D(8, 3), 7 * 8 * (3 * 6)),
        ((5, 9, 11, 6), layers.Conv3D(8, 3), (3 * 7 * 9) * 8 * (3 * 3 * 3 * 6)),
        # A transposed kernel is used once for each pixel that it is given.
        ((9, 11, 6), layers.Conv2DTranspose(8, 3, strides=2), (9 * 11) * 6 * (3 * 3) * 8),
    ],
)
def test_every_kind_of_kernel_by_hand(shape: tuple[int, ...], layer: keras.Layer, expected: int) -> None:
    image = keras.Input(shape)
    assert count_multiply_adds(layer, image.shape[1:], layer(image).shape[1:]) == expected


def test_channels_first_costs_the_same() -> None:
    first, last = (
        tabulate_layers(build_minivggnet(Architecture(32, 32, 3, 10, data_format=order)))
        for order in ("channels_first", "channels_last")
    )
    assert [row.multiply_adds for row in first] == [row.multiply_adds for row in last]


def test_what_is_no_layer_and_what_is_a_network_are_shown_as_well() -> None:
    images = np.zeros((5, 2, 3, 1), np.float32)
    knn = NearestNeighbours(3)(Architecture(2, 3, 1, 2), images, np.array([0, 1, 0, 1, 0]))
    rows = tabulate_layers(knn)
    found = {row.kind: row for row in rows}
    assert found["TopK"].parameters == 0
    assert rows[found["Embedding"].inputs[0]].kind == "TopK"
    outer = tabulate_layers(keras.Sequential([keras.Input((2, 3, 1)), knn, layers.Dense(4)]))
    assert [row.multiply_adds for row in outer] == [0, total(rows), 2 * 4]


def test_branches_read_the_same_layer() -> None:
    rows = {row.name: row for row in tabulate_layers(build_network("squeezenet"))}
    assert rows["fire2_expand1x1"].inputs == rows["fire2_expand3x3"].inputs
    assert [len(row.inputs) for row in rows.values() if row.kind == "Concatenate"] == [2] * 8
