"""The one classifier: an artifact, warm, that turns images into labels with probabilities.

It exists so that the command line, the HTTP service and a program of yours give the same answer.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from edge.artifact import INPUT_NAME, OUTPUT_NAME, read_spec
from edge.decode import MAX_PIXELS, DecodedImage, decode_image, read_image
from edge.errors import ModelError, UsageError
from edge.runtime import create_session
from edge.spec import ModelSpec

Image = str | os.PathLike[str] | bytes | DecodedImage | NDArray[np.uint8]


@dataclass(frozen=True)
class Prediction:
    """One label and its probability, 0 to 1."""

    label: str
    probability: float


@dataclass(frozen=True)
class Classification:
    """The answer for one image: predictions from the most to the least likely, and the decoder's note.

    `unsure` says that the best of them is below the threshold under which the model's makers want no answer.
    """

    predictions: tuple[Prediction, ...]
    note: str | None
    unsure: bool


class Classifier:
    """A model that is loaded and ready. It may be shared by any number of threads.

    Example:
        >>> classifier = Classifier.load("lenet-digits.onnx")
        >>> classifier.classify("seven.png").predictions[0].label
        '7'
    """

    def __init__(self, spec: ModelSpec, session: Any) -> None:
        self.spec = spec
        self._session = session

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Return the classifier in the artifact at `path`, on the CPU.

        Raises ModelError or ModelNotFoundError for the file, InstallationError for the machine.
        """
        spec = read_spec(Path(path))
        if spec.regions is not None:
            raise ModelError(f"{path}: it classifies regions ({spec.regions.kind}), which this eyespot cannot find")
        session = create_session(Path(path), str(path))
        _check_signature(session, spec, str(path))
        return cls(spec, session)

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return float32 [N, classes], each row summing to 1, for `images` uint8 RGB [N, H, W, 3]."""
        result: NDArray[np.float32] = self._session.run([OUTPUT_NAME], {INPUT_NAME: images})[0]
        return result

    def classify(self, image: Image, top_k: int | None = None, max_pixels: int = MAX_PIXELS) -> Classification:
        """Return the `top_k` best predictions (all of them for None) for one image.

        `image` is a path, the bytes of an image file, or uint8 RGB [H, W, 3]. Raises ImageError if it holds
        no pixels, UsageError if it is an array of another kind or `top_k` is not positive.
        """
        if top_k is not None and top_k < 1:
            raise UsageError(f"top_k must be at least 1. Received: {top_k}")
        decoded = _as_decoded(image, max_pixels)
        probabilities = self.probabilities(decoded.pixels[None])[0]
        return conclude(self.spec, probabilities, top_k, decoded.note)


def rank(labels: Sequence[str], probabilities: NDArray[np.float32], top_k: int | None) -> tuple[Prediction, ...]:
    """Return the `top_k` best of one row of probabilities [classes]; equal ones stay in the order of the labels."""
    order = np.argsort(-probabilities, kind="stable")[:top_k]
    # The shortest text of a float32 is an exact and readable float64.
    return tuple(Prediction(labels[i], float(str(probabilities[i]))) for i in order)


def conclude(
    spec: ModelSpec, probabilities: NDArray[np.float32], top_k: int | None, note: str | None
) -> Classification:
    """Return what one row of probabilities [classes] means: ranked, and unsure where the model had better say so."""
    predictions = rank(spec.labels, probabilities, top_k)
    unsure = spec.abstain_below is not None and predictions[0].probability < spec.abstain_below
    return Classification(predictions, note, unsure)


def _as_decoded(image: Image, max_pixels: int) -> DecodedImage:
    if isinstance(image, DecodedImage):
        return image
    if isinstance(image, bytes):
        return decode_image(image, max_pixels)
    if not isinstance(image, np.ndarray):
        return read_image(image, max_pixels)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise UsageError(f"an image must be uint8 RGB [H, W, 3]. Received: {image.dtype} {list(image.shape)}")
    return DecodedImage(image, None)


def _check_signature(session: Any, spec: ModelSpec, name: str) -> None:
    inputs = [(i.name, i.type, len(i.shape), (i.shape or [None])[-1]) for i in session.get_inputs()]
    outputs = {o.name: o.shape for o in session.get_outputs()}
    if inputs != [(INPUT_NAME, "tensor(uint8)", 4, 3)]:
        raise ModelError(f"{name}: the input must be {INPUT_NAME!r}, uint8 [N, H, W, 3]. Received: {inputs}")
    classes = (outputs.get(OUTPUT_NAME) or [None])[-1]
    if classes != len(spec.labels):
        raise ModelError(f"{name}: it has {classes} {OUTPUT_NAME} for {len(spec.labels)} labels")
