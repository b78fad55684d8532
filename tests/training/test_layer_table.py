import keras
import numpy as np
import pytest
from keras import layers

from training.layer_table import add_up, count_multiply_adds, tabulate_layers
from training.networks.architecture import Architecture
from training.networks.catalogue import build_network
from training.networks.knn import NearestNeighbours
from training.networks.minivggnet import build_minivggnet


def test_lenet_by_hand() -> None:
    rows = tabulate_layers(build_network("lenet"))
    assert [(row.kind, row.shape_text) for row in rows[:4]] == [
        ("InputLayer", "28x28x1"),
        ("Conv2D", "28x28x20"),
        ("Activation", "28x28x20"),
        ("MaxPooling2D", "14x14x20"),
    ]
    assert [row.multiply_adds for row in rows if row.multiply_adds] == [
        28 * 28 * 20 * 5 * 5 * 1,
        14 * 14 * 50 * 5 * 5 * 20,
        7 * 7 * 50 * 500,
        500 * 10,
    ]
    assert [row.parameters for row in rows if row.parameters] == [520, 25_050, 1_225_500, 5_010]
    assert [row.inputs for row in rows] == [(), *((i,) for i in range(11))]


@pytest.mark.parametrize(
    "name", ["minivggnet", "mlp-cifar10", "squeezenet", pytest.param("resnet50", marks=pytest.mark.slow)]
)
def test_parameters_are_those_that_keras_counts(name: str) -> None:
    network = build_network(name)
    assert add_up(tabulate_layers(network)).parameters == network.count_params()


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
    found = add_up(tabulate_layers(build_network(name))).multiply_adds
    # The papers round to two digits.
    assert found / 1e6 == pytest.approx(millions, rel=0.03)


def test_every_kind_of_kernel_by_hand() -> None:
    image = keras.Input((9, 11, 6))
    counts = {
        layers.Conv2D(8, (3, 5), strides=2, groups=2): (4 * 4) * 8 * (3 * 5 * 3),
        layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2): (9 * 11) * 12 * (3 * 3),
        layers.SeparableConv2D(7, 3, padding="same"): (9 * 11) * (6 * 3 * 3 + 6 * 7),
        layers.Dense(4): (9 * 11) * 6 * 4,
        layers.BatchNormalization(): 0,
    }
    assert_counts(image, counts)


def assert_counts(image: keras.KerasTensor, counts: dict[keras.Layer, int]) -> None:
    for layer, expected in counts.items():
        assert count_multiply_adds(layer, image.shape[1:], layer(image).shape[1:]) == expected, layer.name


def test_kernels_of_one_and_three_dimensions_by_hand() -> None:
    assert_counts(keras.Input((9, 6)), {
        layers.Conv1D(8, 3): 7 * 8 * (3 * 6),
        layers.DepthwiseConv1D(3, padding="same"): 9 * 6 * 3,
        layers.SeparableConv1D(7, 3, padding="same"): 9 * (6 * 3 + 6 * 7),
    })  # fmt: skip
    assert_counts(keras.Input((5, 9, 11, 6)), {layers.Conv3D(8, 3): (3 * 7 * 9) * 8 * (3 * 3 * 3 * 6)})


def test_a_transposed_kernel_is_laid_on_every_pixel_that_it_is_given() -> None:
    assert_counts(keras.Input((9, 6)), {layers.Conv1DTranspose(8, 3, strides=2): 9 * 6 * 3 * 8})
    assert_counts(keras.Input((9, 11, 6)), {layers.Conv2DTranspose(8, 3, strides=2): (9 * 11) * 6 * (3 * 3) * 8})
    rows = tabulate_layers(keras.Sequential([keras.Input((4, 4, 2)), layers.Conv2DTranspose(3, 2, strides=2)]))
    assert [row.multiply_adds for row in rows] == [0, (4 * 4) * 2 * (2 * 2) * 3]


def test_channels_first_costs_the_same() -> None:
    first, last = (
        tabulate_layers(build_minivggnet(Architecture(32, 32, 3, 10, data_format=order)))
        for order in ("channels_first", "channels_last")
    )
    assert [row.multiply_adds for row in first] == [row.multiply_adds for row in last]


def test_what_is_no_layer_is_shown_as_well() -> None:
    images = np.zeros((5, 2, 3, 1), np.float32)
    rows = tabulate_layers(NearestNeighbours(3)(Architecture(2, 3, 1, 2), images, np.array([0, 1, 0, 1, 0])))
    found = {row.kind: row for row in rows}
    assert found["TopK"].parameters == 0
    assert rows[found["Embedding"].inputs[0]].kind == "TopK"


def test_branches_read_the_same_layer() -> None:
    rows = {row.name: row for row in tabulate_layers(build_network("squeezenet"))}
    assert rows["fire2_expand1x1"].inputs == rows["fire2_expand3x3"].inputs
    joined = [row for row in rows.values() if row.kind == "Concatenate"]
    assert len(joined) == 8
    assert all(len(row.inputs) == 2 for row in joined)
