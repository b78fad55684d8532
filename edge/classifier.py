"""The one classifier: an artifact, warm, that turns images into labels with probabilities.

The command line, the batch and a program of yours give the same answer by it.
"""

import base64
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from edge.errors import ImageError, ModelError, ParityError, UsageError
from edge.image import MAX_PIXELS, DecodedImage, decode_image, read_image
from edge.model import INPUT_NAME, OUTPUT_NAME, load_model
from edge.result import Classification, Prediction, postprocess
from edge.spec import Faces, Glyphs, ModelSpec
from edge.steps import require_preparable

if TYPE_CHECKING:
    from edge.regions.finder import RegionFinder

Image = str | os.PathLike[str] | bytes | DecodedImage | NDArray[np.uint8]
Regions = Faces | Glyphs | Literal["none"]


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
        """Take a spec and its onnxruntime session; see `load`."""
        self.spec = spec
        self._session = session
        self._reject_threshold = max(spec.reject_threshold or 0.0, min_probability)
        self._finder = finder

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        threads: int = 0,
        *,
        spinning: bool = True,
        min_probability: float = 0.0,
        regions: Regions | None = None,
        face_model: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Return the classifier in the artifact at `path`, on the CPU.

        `threads` work on one image; 0 lets onnxruntime choose, 1 is for callers that classify several at once. While
        they wait for each other they keep their cores busy, unless `spinning` is off.

        An answer is `unsure` below `min_probability`, 0 to 1, or below the model's own reject threshold where that is
        higher. `regions` replaces what the model's spec looks for; "none" is for whole pictures. `face_model` is a
        YuNet file to find faces with, in place of OpenCV's cascade.

        Raises ModelError or ModelNotFoundError for the files, InstallationError for the machine, MissingExtraError
        where regions need OpenCV, UsageError for the call.
        """
        if not 0 <= min_probability <= 1:
            raise UsageError(f"min_probability must be 0 to 1. Received: {min_probability}")
        spec, session = load_model(Path(path), threads, spinning=spinning)
        return cls(spec, session, min_probability, make_finder(spec, regions, face_model))

    @property
    def regions(self) -> Faces | Glyphs | None:
        """What this classifier looks for in a picture, None for nothing: then it classifies the whole."""
        return self._finder.regions if self._finder else None

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return float32 [N, classes], each row summing to 1, for `images` uint8 RGB [N, H, W, 3]."""
        found: NDArray[np.float32] = self._session.run([OUTPUT_NAME], {INPUT_NAME: images})[0]
        return found

    def classify(self, image: Image, top_k: int | None = None, max_pixels: int = MAX_PIXELS) -> Classification:
        """Return the `top_k` best predictions (all of them for None) for one image.

        `image` is a path, the bytes of an image file, or uint8 RGB [H, W, 3]. Raises ImageError if it holds
        no pixels or would take far too much memory, UsageError if it is another array or `top_k` is not positive.
        """
        if top_k is not None and top_k < 1:
            raise UsageError(f"top_k must be at least 1. Received: {top_k}")
        decoded = as_decoded(image, max_pixels)
        if self._finder is None:
            return Classification(*self.predict(decoded.pixels, top_k, max_pixels), decoded.note)
        found = self._finder.find(decoded.pixels, self.spec.labels)
        crops = (self._finder.crop(decoded.pixels, box) for box in found.boxes)
        return self._finder.postprocess(found, [self.predict(crop, top_k, max_pixels) for crop in crops], decoded.note)

    def predict(
        self, pixels: NDArray[np.uint8], top_k: int | None = None, max_pixels: int = MAX_PIXELS
    ) -> tuple[tuple[Prediction, ...], bool]:
        """Return the predictions for the whole of uint8 RGB [H, W, 3], regions or not, and whether they are unsure.

        Raises ImageError for a picture so long and narrow that the preprocessing would take far too much memory.
        """
        height, width, _ = pixels.shape
        require_preparable(self.spec.preprocessing, height, width, max_pixels)
        return postprocess(self.spec.labels, self.probabilities(pixels[None])[0], self._reject_threshold, top_k)

    def classify_many(
        self,
        images: Iterable[Image],
        top_k: int | None = None,
        max_pixels: int = MAX_PIXELS,
        threads: int | None = None,
    ) -> Iterator[Classification | ImageError]:
        """Yield the answer for each of `images`, in order: what `classify` returns, or the ImageError that it raises.

        `threads` work on them (None: one for each core); load the classifier with `threads=1` for that. `images` may
        be endless: it is read by another thread, never far ahead. Raises UsageError as `classify`.
        """
        from edge.runtime import ordered_map, usable_cores

        if threads is not None and threads < 1:
            raise UsageError(f"threads must be at least 1. Received: {threads}")

        def answer(image: Image) -> Classification | ImageError:
            try:
                return self.classify(image, top_k, max_pixels)
            except ImageError as error:
                return error

        answers = ordered_map(answer, images, threads or usable_cores())
        return (found for found in answers if found is not None)


def make_finder(
    spec: ModelSpec, regions: Regions | None = None, face_model: str | os.PathLike[str] | None = None
) -> "RegionFinder | None":
    """Return what finds the regions of a model, or those asked for; None for whole pictures. Raises as `load`."""
    wanted = regions or spec.regions
    if face_model is not None and not isinstance(wanted, Faces):
        raise UsageError("a face model is for models of faces; this one looks for none")
    if wanted is None or wanted == "none":
        return None
    from edge.regions.finder import RegionFinder  # it needs OpenCV, which a model of whole pictures does not

    return RegionFinder(wanted, face_model)


def as_decoded(image: Image, max_pixels: int = MAX_PIXELS) -> DecodedImage:
    """Return the pixels of what a classifier takes. Raises ImageError or UsageError as `Classifier.classify` does."""
    if isinstance(image, DecodedImage):
        return image
    if isinstance(image, bytes):
        return decode_image(image, max_pixels)
    if not isinstance(image, np.ndarray):
        return read_image(image, max_pixels)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise UsageError(f"an image must be uint8 RGB [H, W, 3]. Received: {image.dtype} {list(image.shape)}")
    return DecodedImage(image, None)


@dataclass(frozen=True)
class SelfTestResult:
    """What a replay found: the largest difference of a probability, and the sample it was found on."""

    samples: int
    largest_difference: float
    worst_sample: str
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether the difference is within the tolerance; a difference that is not a number is not."""
        return self.largest_difference <= self.tolerance


def replay_self_test(
    spec: ModelSpec, probabilities: Callable[[NDArray[np.uint8]], NDArray[np.float32]]
) -> SelfTestResult:
    """Return how far the answers on this device are from those in the spec's samples.

    The same file can answer differently on another processor or with another runtime. `probabilities` takes pictures,
    uint8 [N, H, W, 3], and gives float32 [N, classes]. Raises ModelError without samples.
    """
    if spec.self_test is None:
        raise ModelError(f"{spec.name}: the file holds no self-test samples")
    differences: list[tuple[float, str]] = []
    for sample in spec.self_test.samples:
        try:
            pixels = decode_image(base64.b64decode(sample.png, validate=True)).pixels
        except ValueError as error:  # ImageError is one as well
            raise ModelError(f"{spec.name}: the self-test sample {sample.name!r} is no picture ({error})") from None
        found = probabilities(pixels[None])[0].astype(np.float64)
        differences.append((float(np.abs(found - np.array(sample.probabilities)).max()), sample.name))
    largest, worst = max(differences, key=lambda pair: np.nan_to_num(pair[0], nan=np.inf))
    return SelfTestResult(len(differences), largest, worst, spec.self_test.tolerance)


def require_self_test(
    spec: ModelSpec, probabilities: Callable[[NDArray[np.uint8]], NDArray[np.float32]], source: str
) -> SelfTestResult:
    """Return the result of a replay that passed; `source` names the file. Raises ParityError for one that did not."""
    result = replay_self_test(spec, probabilities)
    if not result.passed:
        known = "the original network did" if spec.variant is None else "it did at its export"
        raise ParityError(
            f"{source}: it does not answer here as {known} ({result.worst_sample}: largest difference "
            f"{result.largest_difference:.1e}, limit {result.tolerance:.0e})"
        )
    return result
