import numpy as np
import pytest

from training.reliability import BINS, expected_calibration_error, reliability_bins


def error_by_loops(confidences: list[float], correct: list[bool]) -> float:
    """Equation 3 of Guo et al. as it is printed: bin m holds what lies in ((m - 1) / M, m / M]."""
    total = 0.0
    for m in range(1, 16):
        members = [i for i, c in enumerate(confidences) if (m - 1) / 15 < c <= m / 15]
        if members:
            accuracy = sum(correct[i] for i in members) / len(members)
            confidence = sum(confidences[i] for i in members) / len(members)
            total += len(members) / len(confidences) * abs(accuracy - confidence)
    return total


@pytest.mark.parametrize("seed", range(5))
def test_the_error_is_that_of_the_paper(seed: int) -> None:
    generator = np.random.default_rng(seed)
    confidences = generator.uniform(0.1, 1, 300)
    correct = generator.uniform(size=300) < confidences**2
    bins = reliability_bins(confidences, correct)
    # The same sums in another order.
    expected = error_by_loops(confidences.tolist(), correct.tolist())
    assert expected_calibration_error(bins) == pytest.approx(expected, abs=1e-12)
    assert sum(b.images for b in bins) == 300


def test_four_images_by_hand() -> None:
    bins = reliability_bins(np.array([0.95, 0.97, 0.35, 1.0]), np.array([True, False, True, True]))
    last, sixth = bins[-1], bins[5]
    assert (last.images, last.accuracy) == (3, pytest.approx(2 / 3))
    assert last.confidence == pytest.approx(2.92 / 3)
    assert (sixth.low, sixth.high) == (pytest.approx(5 / 15), pytest.approx(6 / 15))
    assert sixth.gap == pytest.approx(0.35 - 1)
    assert expected_calibration_error(bins) == pytest.approx(3 / 4 * (2.92 - 2) / 3 + 1 / 4 * 0.65)


def test_an_upper_edge_belongs_to_its_bin_and_empty_bins_say_so() -> None:
    bins = reliability_bins(np.array([3 / 15, 1.0]), np.array([True, True]))
    assert [i for i, b in enumerate(bins) if b.images] == [2, BINS - 1]
    assert (bins[0].confidence, bins[0].accuracy, bins[0].gap) == (None, None, 0.0)
