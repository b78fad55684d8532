"""Initialisers: the spread that each formula gives, measured on a large layer."""

import math

import numpy as np
import pytest

from edge.errors import UsageError
from training.networks.initializers import INITIALIZERS, make_initializer

FAN_IN, FAN_OUT = 400, 600
# Standard deviations from the papers; a uniform distribution of limit l has l / sqrt(3).
DEVIATIONS = {
    "constant": 0.0,
    "uniform": 0.05 / math.sqrt(3),
    "normal": 0.05,
    "lecun-uniform": math.sqrt(1 / FAN_IN),
    "lecun-normal": math.sqrt(1 / FAN_IN),
    "glorot-uniform": math.sqrt(2 / (FAN_IN + FAN_OUT)),
    "glorot-normal": math.sqrt(2 / (FAN_IN + FAN_OUT)),
    "he-uniform": math.sqrt(2 / FAN_IN),
    "he-normal": math.sqrt(2 / FAN_IN),
}


@pytest.mark.parametrize("name", INITIALIZERS)
def test_deviation_is_the_formulas(name: str) -> None:
    weights = np.asarray(make_initializer(name)((FAN_IN, FAN_OUT)))
    # 240,000 samples give the deviation to well within one percent.
    assert weights.std() == pytest.approx(DEVIATIONS[name], rel=0.01, abs=1e-6)


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'he-normal'"):
        make_initializer("he-norma")
