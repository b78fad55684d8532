"""What a sample picture is after every preprocessing step, as the graph itself makes it.

It exists because a list of steps convinces nobody: a picture that comes out squeezed, grey or blue is seen at
once. Each stage is the compiled graph of the first steps, so there is nothing here that could differ from it.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import ImageError, ModelError, UsageError
from edge.image import decode_image, read_image
from edge.model import INPUT_NAME, NETWORK_INPUT_NAME
from edge.runtime import create_session
from edge.spec import ModelSpec
from edge.steps import ChannelsFirst, Step, describe
from export.preprocess import build_preprocessing

# A picture that is all black and one that is all white, uint8 RGB [2, 8, 8, 3].
EXTREMES = np.repeat(np.array([0, 255], np.uint8), 8 * 8 * 3).reshape(2, 8, 8, 3)


@dataclass(frozen=True)
class Sample:
    """A picture, uint8 RGB [H, W, 3], and where it is from."""

    name: str
    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class Stage:
    """The picture after a step: float32 [h, w, c], laid out as [c, h, w] in the network if `channels_first`.

    `lowest` and `highest` are what black and white have become, the ends between which it is drawn.
    """

    title: str
    values: NDArray[np.float32]
    lowest: float
    highest: float
    channels_first: bool


def read_sample(path: str) -> Sample:
    """Return the picture in a file. Raises UsageError, naming the file, if it holds none."""
    try:
        return Sample(Path(path).name, read_image(path).pixels)
    except ImageError as error:
        raise UsageError(f"{path}: {error}") from None


def choose_sample(spec: ModelSpec) -> Sample:
    """Return the self-test sample that Keras was surest of: the odd ones among them are there to be hard.

    Raises UsageError if the file holds no samples, ModelError if the sample is no picture.
    """
    if spec.self_test is None:
        raise UsageError(f"{spec.name}: the file holds no sample pictures; give one with --image")
    sample = max(spec.self_test.samples, key=lambda sample: max(sample.probabilities))
    try:
        return Sample(sample.name, decode_image(base64.b64decode(sample.png, validate=True)).pixels)
    except ValueError as error:  # ImageError is one as well
        raise ModelError(f"{spec.name}: the self-test sample {sample.name!r} is no picture ({error})") from None


def run_stages(steps: Sequence[Step], pixels: NDArray[np.uint8]) -> list[Stage]:
    """Return the picture uint8 RGB [H, W, 3] as it comes and after each of `steps`."""
    stages = [Stage("the picture as it comes", pixels.astype(np.float32), 0.0, 255.0, False)]
    for count, step in enumerate(steps, 1):
        graph = build_preprocessing(steps[:count]).SerializeToString()
        session = create_session(graph, f"preprocessing up to {describe(step)}")
        (values,) = session.run([NETWORK_INPUT_NAME], {INPUT_NAME: pixels[None]})[0]
        ends = session.run([NETWORK_INPUT_NAME], {INPUT_NAME: EXTREMES})[0]
        channels_first = any(isinstance(done, ChannelsFirst) for done in steps[:count])
        stages.append(
            Stage(
                title=describe(step),
                values=np.moveaxis(values, 0, 2) if channels_first else values,
                lowest=float(ends.min()),
                highest=float(ends.max()),
                channels_first=channels_first,
            )
        )
    return stages
