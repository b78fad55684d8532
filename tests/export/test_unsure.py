"""What a variant answers above the threshold of its float32 network, as NumPy counts it."""

import numpy as np

from export.graph.answers import answers
from export.quantize.gate import Examples
from export.quantize.int8 import SCHEMES, measure_ranges, quantise
from export.unsure import describe_unsure
from tests.export.quantize.test_int8 import IMAGES, PICTURES, small_network


def test_shares_are_those_that_numpy_counts() -> None:
    network = small_network()
    small = quantise(network, measure_ranges(network, PICTURES, "minmax"), SCHEMES["x86"])
    exact, found = answers(network, IMAGES), answers(small, IMAGES)
    targets = exact.argmax(axis=1)
    targets[::4] = (targets[::4] + 1) % 4
    threshold = float(np.median(exact.max(axis=1)))
    shares = []
    for probabilities in (found, exact):
        answered = probabilities.max(axis=1) >= threshold
        right = (probabilities.argmax(axis=1) == targets)[answered].mean()
        shares.append(f"{answered.mean():.2%} ({right:.2%} of them rightly)")
    assert shares[0] != shares[1]
    sentence = describe_unsure(small, network, Examples(IMAGES, targets), threshold, "int8")
    assert sentence == (
        f"below {threshold:.2%} the model is unsure, as was chosen for float32; of the held-out images int8 answers "
        f"{shares[0]}, float32 {shares[1]}"
    )


def test_where_nothing_is_answered_there_is_no_share_of_it() -> None:
    network = small_network()
    targets = np.zeros(len(IMAGES), np.int64)
    sentence = describe_unsure(network, network, Examples(IMAGES, targets), 1.0, "fp16")
    assert sentence.endswith("fp16 answers 0.00%, float32 0.00%")
