"""The pictures on a card: samples that travel in the file, and what they are after every preprocessing step."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import ImageError, ModelError, UsageError
from edge.image import decode_image, read_image
from edge.model import INPUT_NAME, NETWORK_INPUT_NAME
from edge.runtime import create_session
from edge.spec import ModelSpec, SelfTestSample
from edge.steps import ChannelsFirst, Step, describe
from export.preprocess import build_preprocessing
from export.writer import encode_png

LARGEST_SIDE_PX, SHOWN_SIDE_PX = 512, 200  # larger pictures are shrunk, smaller ones shown in larger pixels
# A picture that is all black and one that is all white, uint8 RGB [2, 8, 8, 3].
EXTREMES = np.repeat(np.array([0, 255], np.uint8), 8 * 8 * 3).reshape(2, 8, 8, 3)


@dataclass(frozen=True)
class Sample:
    """A picture, uint8 RGB [H, W, 3], and where it is from."""

    name: str
    pixels: NDArray[np.uint8]


def read_sample(path: str) -> Sample:
    """Return the picture in a file. Raises UsageError, naming the file, if it holds none."""
    try:
        return Sample(Path(path).name, read_image(path).pixels)
    except ImageError as error:
        raise UsageError(f"{path}: {error}") from None


def choose_samples(spec: ModelSpec) -> list[Sample]:
    """Return the samples in a file that are pictures as they came, the one that the source was surest of first.

    Of a file without such the surest of its odd ones. Raises UsageError for no samples, ModelError for no picture.
    """
    if spec.self_test is None:
        raise UsageError(f"{spec.name}: the file holds no sample pictures; give one with --image")
    ranked = sorted(spec.self_test.samples, key=lambda sample: -max(sample.probabilities))
    return [_decoded(spec, s) for s in [s for s in ranked if " at " not in s.name] or ranked[:1]]


def _decoded(spec: ModelSpec, sample: SelfTestSample) -> Sample:
    try:
        return Sample(sample.name, decode_image(base64.b64decode(sample.png, validate=True)).pixels)
    except ValueError as error:  # ImageError is one as well
        raise ModelError(f"{spec.name}: the self-test sample {sample.name!r} is no picture ({error})") from None


def draw_stages(
    steps: Sequence[Step], pixels: NDArray[np.uint8]
) -> tuple[list[dict[str, object]], NDArray[np.float32]]:
    """Return figures of a picture as it comes and after each step, and what the network gets in the end."""
    figures = [draw(pixels.astype(np.float64), (0.0, 255.0), "the picture as it comes", "The sample picture", [])]
    values = pixels.astype(np.float32)
    for count, step in enumerate(steps, 1):
        session = create_session(build_preprocessing(steps[:count]).SerializeToString(), describe(step))
        (values,) = session.run([NETWORK_INPUT_NAME], {INPUT_NAME: pixels[None]})[0]
        ends = session.run([NETWORK_INPUT_NAME], {INPUT_NAME: EXTREMES})[0]
        is_first = any(isinstance(done, ChannelsFirst) for done in steps[:count])
        drawn = np.moveaxis(values, 0, 2) if is_first else values
        said, notes = f"The sample picture after step {count}", ["channels first"] if is_first else []
        figures.append(draw(drawn, (float(ends.min()), float(ends.max())), f"{count}. {describe(step)}", said, notes))
    return figures, values


def draw(
    values: NDArray[np.floating], ends: tuple[float, float], title: str, said: str, notes: list[str]
) -> dict[str, object]:
    """Return a figure for [h, w, c]: what black has become, the first of `ends`, is black, and white is white."""
    (height, width, channels), (low, high) = values.shape, ends
    levels = np.clip(np.rint((values.astype(np.float64) - low) / (high - low or 1.0) * 255), 0, 255)
    shown = np.broadcast_to(levels, (height, width, 3)).astype(np.uint8)
    scale = LARGEST_SIDE_PX / max(height, width)
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        shown = np.asarray(cv2.resize(shown, size, interpolation=cv2.INTER_AREA), np.uint8)
    factor = max(1, SHOWN_SIDE_PX // max(shown.shape[:2]))
    facts = f"{height}x{width} pixels, {channels} channel{'s'[: channels != 1]}"
    return {
        "png": encode_png(shown),
        "width": shown.shape[1] * factor,
        "height": shown.shape[0] * factor,
        "is_enlarged": factor > 1,
        "title": title,
        "alternative": f"{said}, {title}: {facts}",
        "notes": [facts, f"values {values.min():.3g} to {values.max():.3g}", *notes],
    }
