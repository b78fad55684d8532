import pytest

from edge.errors import UsageError
from training.networks.catalogue import NETWORKS, build_network
from training.networks.pretrained import PRETRAINED

SMALL = [name for name in NETWORKS if name not in PRETRAINED]


@pytest.mark.parametrize("name", [*SMALL, *(pytest.param(name, marks=pytest.mark.slow) for name in PRETRAINED)])
def test_each_is_built_for_the_input_of_its_source(name: str) -> None:
    network = build_network(name)
    assert network.input_shape == (None, *NETWORKS[name].input)
    assert network.output_shape == (None, NETWORKS[name].classes)


def test_input_and_classes_may_be_chosen() -> None:
    network = build_network("lenet", (20, 24, 3), 7)
    assert (network.input_shape, network.output_shape) == ((None, 20, 24, 3), (None, 7))


def test_what_cannot_be_built_is_one_line() -> None:
    with pytest.raises(UsageError, match=r"did you mean 'squeezenet'"):
        build_network("squeezent")
    for name, shape in (("squeezenet", (4, 4, 3)), ("lenet", (2, 2, 1)), ("vgg16", (8, 8, 3))):
        with pytest.raises(UsageError, match=name) as refusal:
            build_network(name, shape)
        assert "\n" not in str(refusal.value)
