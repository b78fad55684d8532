"""What a fingerprint may hold."""

import pytest

from edge.fingerprint import Fingerprint, Histogram


@pytest.mark.parametrize(
    ("edges", "counts", "said"),
    [
        ((0.0, 1.0), (1, 2), "one edge more"),
        ((0.0, 0.0), (1,), "must rise"),
        ((0.0, 1.0, 2.0), (1, -1), "must count pictures"),
        ((0.0, 1.0, 2.0), (0, 0), "must count pictures"),
    ],
)
def test_a_histogram_that_contradicts_itself_is_refused(
    edges: tuple[float, ...], counts: tuple[int, ...], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        Histogram(edges, counts)


def test_a_fingerprint_without_held_out_pictures_is_refused() -> None:
    one = Histogram((0.0, 1.0), (1,))
    with pytest.raises(ValueError, match=r"must count pictures\. Received: \[0, 0\]"):
        Fingerprint(one, one, one, one, (0, 0))
