"""The one classifier: an artifact, warm, that turns images into labels with probabilities.

It exists so that the command line, the HTTP service and a program of yours give the same answer.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from edge.artifact import INPUT_NAME, OUTPUT_NAME, read_spec
from edge.decode import MAX_PIXELS, DecodedImage, decode_image, read_image
from edge.errors import ImageError, ModelError, UsageError
from edge.runtime import create_session
from edge.spec import Faces, Glyphs, ModelSpec

if TYPE_CHECKING:
    from edge.regions.finder import RegionFinder
    from edge.regions.region import Region

Image = str | os.PathLike[str] | bytes | DecodedImage | NDArray[np.uint8]


@dataclass(frozen=True)
class Prediction:
    """One label and its probability, 0 to 1."""

    label: str
    probability: float


@dataclass(frozen=True)
class Classification:
    """The answer for one image: predictions from the most to the least likely, and what is to be said about them.

    `unsure` says that the best of them is below the threshold under which the model's makers, or the caller, want
    no answer. The note is the decoder's, and that of the search for regions.

    A model of regions answers for each region: `predictions` is empty, `regions` holds one answer for each face or
    glyph, from left to right, and is empty where there is none; `unsure` says that one of them is. For glyphs, `text`
    is what they read together; it is None, the note says why and `unsure` is set, where their number is not that of
    the model. For a model of whole pictures `regions` and `text` are None.
    """

    predictions: tuple[Prediction, ...]
    note: str | None
    unsure: bool
    regions: "tuple[Region, ...] | None" = None
    text: str | None = None

    @property
    def answers(self) -> tuple[tuple[Prediction, ...], ...]:
        """The predictions for whatever was classified: those of every region, or the one of the whole picture."""
        return (self.predictions,) if self.regions is None else tuple(region.predictions for region in self.regions)


class Classifier:
    """A model that is loaded and ready. It may be shared by any number of threads.

    Example:
        >>> classifier = Classifier.load("lenet-digits.onnx")
        >>> classifier.classify("seven.png").predictions[0].label
        '7'
    """

    def __init__(
        self, spec: ModelSpec, session: Any, min_probability: float = 0.0, finder: "RegionFinder | None" = None
    ) -> None:
        self.spec = spec
        self._session = session
        self._threshold = max(spec.abstain_below or 0.0, min_probability)
        self._finder = finder

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        threads: int = 0,
        *,
        spinning: bool = True,
        min_probability: float = 0.0,
        regions: Faces | Glyphs | Literal["none"] | None = None,
        face_model: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Return the classifier in the artifact at `path`, on the CPU.

        `threads` work on one image; 0 lets onnxruntime choose, 1 is for callers that classify several at once. While
        they wait for each other they keep their cores busy, unless `spinning` is off.

        An answer is `unsure` below `min_probability`, 0 to 1, or below the model's own threshold where that is
        higher. `regions` replaces what the model's spec looks for; "none" stands for whole pictures. `face_model`
        is a YuNet file to find faces with, in place of OpenCV's cascade.

        Raises ModelError or ModelNotFoundError for the files, InstallationError for the machine, UsageError for
        the call.
        """
        if not 0 <= min_probability <= 1:
            raise UsageError(f"min_probability must be 0 to 1. Received: {min_probability}")
        spec = read_spec(Path(path))
        session = create_session(Path(path), str(path), threads, spinning=spinning)
        _check_signature(session, spec, str(path))
        return cls(spec, session, min_probability, _find_finder(spec, regions, face_model))

    @property
    def regions(self) -> Faces | Glyphs | None:
        """What this classifier looks for in a picture, None for nothing: then it classifies the whole."""
        return self._finder.regions if self._finder else None

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
        if self._finder:
            return self._finder.classify(self, decoded, top_k)
        predictions, unsure = self.predict(decoded.pixels, top_k)
        return Classification(predictions, decoded.note, unsure)

    def predict(self, pixels: NDArray[np.uint8], top_k: int | None) -> tuple[tuple[Prediction, ...], bool]:
        """Return the predictions for the whole of uint8 RGB [H, W, 3], regions or not, and whether they are unsure."""
        predictions = rank(self.spec.labels, self.probabilities(pixels[None])[0], top_k)
        return predictions, predictions[0].probability < self._threshold

    def classify_many(
        self,
        images: Iterable[Image],
        top_k: int | None = None,
        max_pixels: int = MAX_PIXELS,
        threads: int | None = None,
    ) -> Iterator[Classification | ImageError]:
        """Yield the answer for each of `images`, in order: what `classify` returns, or the ImageError that it raises.

        `threads` images (None: one for each core) are under way at once; load the classifier with `threads=1` for
        that. `images` may be endless: it is read by another thread, never far ahead. Raises UsageError as `classify`.
        """
        from edge.ordered_map import OrderedMap

        def answer(image: Image) -> Classification | ImageError:
            try:
                return self.classify(image, top_k, max_pixels)
            except ImageError as error:
                return error

        for result in OrderedMap(answer, images, threads or os.cpu_count() or 1):
            if result is not None:
                yield result


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


def _find_finder(
    spec: ModelSpec, regions: Faces | Glyphs | Literal["none"] | None, face_model: str | os.PathLike[str] | None
) -> "RegionFinder | None":
    wanted = regions or spec.regions
    if face_model is not None and not isinstance(wanted, Faces):
        raise UsageError("a face model is for models of faces; this one looks for none")
    if wanted is None or wanted == "none":
        return None
    from edge.regions.finder import RegionFinder  # a model of whole pictures does not pay for it

    return RegionFinder(wanted, face_model)


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
