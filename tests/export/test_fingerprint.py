"""Histograms of a fingerprint against NumPy's."""

import numpy as np

from edge.spec import Histogram
from export.fingerprint import BRIGHTNESS_EDGES, CONFIDENCE_EDGES, CONTRAST_EDGES, SIZE_EDGES, take_fingerprint


def test_bins_are_those_of_numpy_and_the_outer_ones_take_what_lies_beyond() -> None:
    chance = np.random.default_rng(2)
    measures = np.column_stack([chance.uniform(1, 9000, 500), chance.uniform(0, 255, 500), chance.uniform(0, 127, 500)])
    probabilities = chance.dirichlet([0.3] * 5, 300).astype(np.float32)
    found = take_fingerprint(measures, probabilities)
    values = (*measures.T, probabilities.max(axis=1).astype(np.float64))
    edges = (SIZE_EDGES, BRIGHTNESS_EDGES, CONTRAST_EDGES, CONFIDENCE_EDGES)
    histograms = (found.size, found.brightness, found.contrast, found.confidence)
    for histogram, one, of in zip(histograms, values, edges, strict=True):
        assert histogram == Histogram(of, tuple(np.histogram(np.clip(one, of[0], of[-1]), of)[0].tolist()))
    assert found.classes == tuple(np.bincount(probabilities.argmax(axis=1), minlength=5))
