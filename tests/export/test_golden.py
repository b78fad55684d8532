"""Three networks answer as they did before this room was rebuilt, and lose no more in eight and sixteen bits.

The figures in golden.json were written by the version of 30 November 2026, before; see reference_networks.py.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from export.graph.session import answers
from export.quantize import Examples, make_fp16, make_int8
from export.quiet_tensorflow import start_tensorflow
from export.sources.tensorflow import keras_source

start_tensorflow()
from tests.export.reference_networks import SIDE, build, digits

GOLDEN = json.loads(Path(__file__).with_name("golden.json").read_text())
TRAINED = 800


@pytest.mark.parametrize(
    "name", ["mobilenetv2", *(pytest.param(n, marks=pytest.mark.slow) for n in ("lenet", "minivggnet"))]
)
def test_as_before(name: str) -> None:
    before = GOLDEN[name]
    network = keras_source(build(name), name).convert((SIDE[name], SIDE[name], 1), 10)
    arrays, targets = digits(SIDE[name])
    judged = Examples(arrays[TRAINED:], targets[TRAINED:], 100.0)
    found = answers(network, judged.images)
    # The readout is solved for in float64 from float32 features, which may be summed in another order.
    np.testing.assert_allclose(found[:3], before["probabilities"], rtol=0, atol=1e-4)
    assert (found.argmax(axis=1) == judged.targets).mean() == pytest.approx(before["accuracy"], abs=0.0025)
    for target in ("x86", "arm"):
        record = make_int8(network, target, arrays[:100], judged).record  # type: ignore[arg-type]
        assert record.accuracy is not None
        # One picture in 400 is a quarter of a point; a tie may fall to either side.
        assert record.accuracy >= before[target]["accuracy"] - 0.005
        assert record.top1_agreement >= before[target]["agreement"] - 0.01
    assert make_fp16(network, judged).record.top1_agreement >= before["fp16"]["agreement"] - 0.0025
