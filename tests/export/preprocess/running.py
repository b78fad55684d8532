"""Run steps as training and a device would, on noise: the hardest picture for any rounding."""

import numpy as np

from edge.model import INPUT_NAME, NETWORK_INPUT_NAME
from edge.runtime import create_session
from edge.steps import Step
from export.preprocess import build_preprocessing


def run(steps: tuple[Step, ...], images: np.ndarray) -> np.ndarray:
    session = create_session(build_preprocessing(steps).SerializeToString(), "test")
    result: np.ndarray = session.run([NETWORK_INPUT_NAME], {INPUT_NAME: images})[0]
    return result


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * 10_000 + width).integers(0, 256, (1, height, width, 3), dtype=np.uint8)
