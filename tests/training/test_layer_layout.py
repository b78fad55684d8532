import itertools

import pytest

from training.layer_layout import lay_out
from training.layer_table import LayerRow


def graph(*inputs: tuple[int, ...]) -> list[LayerRow]:
    return [LayerRow(str(i), "Layer", (1,), 0, 0, read) for i, read in enumerate(inputs)]


def test_a_chain_is_a_line() -> None:
    layout = lay_out(graph((), (0,), (1,)))
    assert [(place.row, place.x) for place in layout.places] == [(0, 0), (1, 0), (2, 0)]
    assert layout.widths == (1, 1, 1)


def test_a_fork_stands_evenly_around_what_it_leaves() -> None:
    layout = lay_out(graph((), (0,), (0,), (1, 2)))
    assert [place.x for place in layout.places] == [0, -0.5, 0.5, 0]


def test_an_edge_that_passes_layers_has_its_own_place_beside_them() -> None:
    layout = lay_out(graph((), (0,), (1,), (0, 2)))
    shortcut = next(edge for edge in layout.edges if len(edge) > 2)
    assert (shortcut[0], shortcut[3]) == (layout.places[0], layout.places[3])
    assert [place.row for place in shortcut] == [0, 1, 2, 3]
    for passed, layer in zip(shortcut[1:3], layout.places[1:3], strict=True):
        assert passed.x - layer.x == pytest.approx(1)
    assert layout.widths == (1, 2, 2, 1)


def test_nothing_stands_on_anything_where_forks_fork() -> None:
    inputs = [(), (0,), (0,), (0,), (1,), (1,), (1,), (2,), (3,), (3,), (4, 5, 6, 7, 8, 9, 0)]
    layout = lay_out(graph(*inputs))
    passed = [place for edge in layout.edges for place in edge]
    for a, b in itertools.combinations({(place.row, place.x) for place in passed}, 2):
        # Least squares leave the last digits of a place open.
        assert a[0] != b[0] or abs(a[1] - b[1]) > 1 - 1e-9
    assert layout.places[-1].row == 3
