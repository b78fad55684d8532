"""Distances against SciPy's, what chance gives against drawn samples, and a window that forgets."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from edge.fingerprint import PictureMeasures
from edge.spec import Fingerprint, Histogram
from export.fingerprint import take_fingerprint
from serving.inference.drift import DRIFTED, LEAST_PICTURES, SHIFTED, DriftWindow, compare

CHANCE = np.random.default_rng(7)


@pytest.mark.parametrize("bins", [2, 5, 16])
def test_the_distance_is_scipys(bins: int) -> None:
    for _ in range(20):
        expected, found = CHANCE.integers(20, 500, (2, bins))
        # Sums of a few float64 of about 1.
        assert compare(list(expected), list(found)).distance == pytest.approx(
            jensenshannon(expected, found, base=2), abs=1e-9
        )


def test_nothing_in_common_is_1_and_the_same_is_0() -> None:
    assert compare([100, 0], [0, 100]).distance == pytest.approx(1)
    assert compare([100, 300], [10, 30]).distance == 0


def test_bins_that_are_too_rare_count_together() -> None:
    expected, found = [500, 400, 60, 20, 12, 8], [510, 380, 68, 21, 12, 9]
    # Of 1,000 and 1,000 nothing is too rare; of 100, the last three should have less than 5 each.
    assert compare(expected, found).distance == pytest.approx(jensenshannon(expected, found, base=2), abs=1e-9)
    few = [50, 38, 8, 2, 1, 1]
    together = jensenshannon([500, 400, 60, 40], [50, 38, 8, 4], base=2)
    assert compare(expected, few).distance == pytest.approx(together, abs=1e-9)


@pytest.mark.parametrize(("classes", "pictures"), [(3, 200), (10, 1000), (100, 1000), (1000, 1000)])
def test_samples_of_one_distribution_are_as_far_apart_as_chance_says(classes: int, pictures: int) -> None:
    shares = CHANCE.dirichlet([1] * classes)
    drawn = [
        compare(list(CHANCE.multinomial(1500, shares)), list(CHANCE.multinomial(pictures, shares))) for _ in range(100)
    ]
    expected = np.mean([one.by_chance**2 for one in drawn])
    # The mean of 100 draws of a chi-square of one or more degrees of freedom, 4 of its standard errors, and what
    # the rare bins take from it.
    assert np.mean([one.distance**2 for one in drawn]) == pytest.approx(expected, rel=0.6, abs=1e-4)
    assert sum(one.verdict == "stable" for one in drawn) >= 97


def test_the_limits_are_those_of_the_population_stability_index() -> None:
    """A small change of shares has the index's 0.1 where it has our first limit, and 0.25 where it has the second."""
    p = np.full(10, 0.1)
    tilt = np.linspace(-1, 1, 10)
    for limit, index in ((SHIFTED, 0.1), (DRIFTED, 0.25)):
        found = np.linspace(0.001, 0.09, 2000)
        q = p + found[:, None] * tilt / 1
        at = np.argmin(np.abs((np.log(q / p) * (q - p)).sum(axis=1) - index))
        assert jensenshannon(p, q[at], base=2) == pytest.approx(limit, rel=0.02)


def make_fingerprint() -> Fingerprint:
    probabilities = CHANCE.dirichlet([0.2, 0.2, 0.2], 600).astype(np.float32)
    return take_fingerprint(draw_measures(1500), probabilities)


def draw_measures(count: int, darker: float = 0) -> np.ndarray:
    columns = [CHANCE.normal(200, 20, count), CHANCE.normal(150 - darker, 25, count), CHANCE.normal(50, 10, count)]
    return np.column_stack(columns)


def fill(window: DriftWindow, measures: np.ndarray) -> None:
    for one, probabilities in zip(measures, CHANCE.dirichlet([0.2, 0.2, 0.2], len(measures)), strict=True):
        window.add(PictureMeasures(*one), probabilities.max(), int(probabilities.argmax()))


def test_darker_pictures_are_found_and_then_forgotten() -> None:
    window = DriftWindow(make_fingerprint(), 500)
    assert (window.features(), window.describe()["verdict"]) == ({}, "too_few_pictures")
    fill(window, draw_measures(LEAST_PICTURES))
    assert (len(window), window.describe()["verdict"]) == (LEAST_PICTURES, "stable")
    fill(window, draw_measures(500, darker=60))
    assert (len(window), window.describe()["verdict"]) == (500, "drifted")
    verdicts = {name: feature.verdict for name, feature in window.features().items()}
    assert verdicts == {
        "size": "stable",
        "brightness": "drifted",
        "contrast": "stable",
        "confidence": "stable",
        "classes": "stable",
    }
    fill(window, draw_measures(500))
    assert (len(window), window.describe()["verdict"]) == (500, "stable")


def test_a_window_counts_only_its_last_pictures() -> None:
    """Against a window that is made anew, for every length of what came before."""
    bins = Histogram((0.0, 1.0, 2.0, 3.0), (20, 30, 40))
    fingerprint = Fingerprint(bins, bins, bins, bins, (30, 30))
    kept = DriftWindow(fingerprint, 30)
    seen = [((v, v / 2, 3 - v), v / 3, int(v > 1)) for v in CHANCE.uniform(0, 3, 100)]
    for i, (measures, confidence, label) in enumerate(seen):
        kept.add(PictureMeasures(*measures), confidence, label)
        anew = DriftWindow(fingerprint, 30)
        for other in seen[max(0, i - 29) : i + 1]:
            anew.add(PictureMeasures(*other[0]), *other[1:])
        assert kept.features() == anew.features()
