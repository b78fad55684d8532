"""Give every layer of a network a place: rows from input to output, branches side by side, nothing on top of it.

1. A layer stands one row below the lowest of those that it reads.
2. An edge that passes rows has a place of its own in each of them, so that it never crosses a layer.
3. Places begin in the middle of what stands above them, a fork spread around it, and are then moved apart
   as little as possible (least squares) until neighbours are a place apart.
4. A place that has a row to itself stands in the middle.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.isotonic import isotonic_regression

from training.layer_table import LayerRow


@dataclass(frozen=True)
class Place:
    """Where something stands: its row from the top, and how many places right of the middle."""

    row: int
    x: float


@dataclass(frozen=True)
class Layout:
    """A place for each layer, in order. `widths` counts the places of each row.

    `edges` lead from a layer to one that reads it, each by the places that it passes.
    """

    places: tuple[Place, ...]
    edges: tuple[tuple[Place, ...], ...]
    widths: tuple[int, ...]


def lay_out(layers: Sequence[LayerRow]) -> Layout:
    """Return the places of `layers`, each of which stands behind all that it reads."""
    rows = _assign_rows(layers)  # rule 1
    above, chains = _split_edges(layers, rows)  # rule 2
    by_row: dict[int, list[int]] = defaultdict(list)
    for vertex, row in enumerate(rows):
        by_row[row].append(vertex)
    x = _assign_x(above, [by_row[row] for row in sorted(by_row)])  # rules 3 and 4
    places = tuple(Place(row, x[vertex]) for vertex, row in enumerate(rows))
    return Layout(
        places=places[: len(layers)],
        edges=tuple(tuple(places[vertex] for vertex in chain) for chain in chains),
        widths=tuple(len(by_row[row]) for row in sorted(by_row)),
    )


def _assign_rows(layers: Sequence[LayerRow]) -> list[int]:
    rows: list[int] = []
    for layer in layers:
        rows.append(1 + max((rows[i] for i in layer.inputs), default=-1))
    return rows


def _split_edges(layers: Sequence[LayerRow], rows: list[int]) -> tuple[list[list[int]], list[list[int]]]:
    """Return for each vertex those right above it, and each edge as a chain of vertices.

    Vertices are the layers, and behind them one for each row that an edge passes; `rows` grows by these.
    """
    above: list[list[int]] = [[] for _ in layers]
    chains = []
    for target, layer in enumerate(layers):
        for source in layer.inputs:
            chain = [source]
            for row in range(rows[source] + 1, rows[target]):
                above.append([chain[-1]])
                chain.append(len(rows))
                rows.append(row)
            above[target].append(chain[-1])
            chains.append([*chain, target])
    return above, chains


def _assign_x(above: list[list[int]], rows: list[list[int]]) -> list[float]:
    x = [0.0] * len(above)
    for row in rows:
        if len(row) == 1:
            continue  # rule 4
        forks: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for vertex in row:
            forks[tuple(above[vertex])].append(vertex)
        wanted = {
            vertex: sum(x[i] for i in parents) / max(len(parents), 1) + i - (len(siblings) - 1) / 2
            for parents, siblings in forks.items()
            for i, vertex in enumerate(siblings)
        }
        order = sorted(row, key=lambda vertex: wanted[vertex])
        # Places that are one apart are a rising line plus what does not fall.
        line = np.arange(len(order))
        apart = isotonic_regression(np.array([wanted[vertex] for vertex in order]) - line) + line
        for vertex, position in zip(order, apart.tolist(), strict=True):
            x[vertex] = position
    return x
