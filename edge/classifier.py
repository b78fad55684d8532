"""`Classifier`: a model file, loaded and ready, that turns images into labels with probabilities."""

import base64
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Self

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image as PillowImage

from edge.errors import ImageError, ModelError, ParityError, UsageError
from edge.image import MAX_PIXELS, DecodedImage, decode_image, from_pillow, read_image
from edge.model import INPUT_NAME, OUTPUT_NAME, load_model
from edge.result import DEFAULT_TOP_K, Classification, Prediction, postprocess
from edge.spec import Faces, Glyphs, ModelSpec, SelfTestSample
from edge.steps import require_preparable

if TYPE_CHECKING:
    from edge.regions.finder import RegionFinder

Image = str | os.PathLike[str] | bytes | BinaryIO | PillowImage | DecodedImage | NDArray[np.uint8]
Regions = Faces | Glyphs | Literal["none"]


class Classifier:
    """A model that is loaded and ready. Any number of threads may share it.

    An image is a path, the bytes of an image file, an open binary file, a Pillow image, or an array, uint8 RGB
    [H, W, 3] with levels 0 to 255. Preprocessing is part of the model: give it images of any size.

    Example:
        >>> from edge import Classifier
        >>> classifier = Classifier.load("digits.onnx")
        >>> classifier.labels[:3]
        ('0', '1', '2')
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
        min_probability: float = 0.0,
        regions: Regions | None = None,
    ) -> Self:
        """Return the classifier in the model file at `path`, on the CPU.

        Args:
            path: An .onnx file written by `eyespot export` or `eyespot adopt`.
            threads: How many work on one image. 0 lets onnxruntime choose; 1 is for `classify_many`.
            min_probability: An answer is `unsure` below this probability, 0 to 1, or below the model's own threshold
                if that is higher. For regions this holds for each of them.
            regions: `Faces()` or `Glyphs(count)` to look for, "none" for whole pictures; default: as the model says.

        Raises ModelNotFoundError or ModelError for the file, InstallationError for onnxruntime, MissingExtraError for
        OpenCV, which regions need, and UsageError for an argument.
        """
        if not 0 <= min_probability <= 1:
            raise UsageError(f"min_probability must be 0 to 1. Received: {min_probability}")
        spec, session = load_model(Path(path), threads)
        return cls(spec, session, min_probability, make_finder(spec, regions))

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of the columns of `probabilities`."""
        return self.spec.labels

    @property
    def regions(self) -> Faces | Glyphs | None:
        """What is looked for in a picture and classified; None for whole pictures."""
        return self._finder.regions if self._finder else None

    def probabilities(self, images: Image) -> NDArray[np.float32]:
        """Return float32 [N, labels], rows that sum to 1, for a batch, uint8 RGB [N, H, W, 3], or for one image.

        Regions are not looked for. Raises ImageError for an image that cannot be decoded, UsageError for another array.
        """
        if not isinstance(images, np.ndarray) or images.ndim != 4:
            images = as_decoded(images).pixels[None]
        elif images.dtype != np.uint8 or images.shape[3] != 3:
            raise UsageError(f"a batch must be uint8 RGB [N, H, W, 3]. Received: {images.dtype} {list(images.shape)}")
        found: NDArray[np.float32] = self._session.run([OUTPUT_NAME], {INPUT_NAME: images})[0]
        return found

    def classify(self, image: Image, top_k: int | None = DEFAULT_TOP_K, max_pixels: int = MAX_PIXELS) -> Classification:
        """Return the `top_k` best predictions for one image; None returns all.

        Raises ImageError for an image that cannot be decoded or has more than `max_pixels`, UsageError for an array of
        another kind or a `top_k` below 1.
        """
        if top_k is not None and top_k < 1:
            raise UsageError(f"top_k must be at least 1. Received: {top_k}")
        decoded = as_decoded(image, max_pixels)
        if self._finder is None:
            return Classification(*self._predict(decoded.pixels, top_k, max_pixels), decoded.note)
        found = self._finder.find(decoded.pixels, self.labels)
        crops = (self._finder.crop(decoded.pixels, box) for box in found.boxes)
        return self._finder.postprocess(found, [self._predict(crop, top_k, max_pixels) for crop in crops], decoded.note)

    def _predict(
        self, pixels: NDArray[np.uint8], top_k: int | None, max_pixels: int
    ) -> tuple[tuple[Prediction, ...], bool]:
        """Return the predictions for uint8 RGB [H, W, 3], and whether they are unsure."""
        height, width, _ = pixels.shape
        require_preparable(self.spec.preprocessing, height, width, max_pixels)
        return postprocess(self.labels, self.probabilities(pixels[None])[0], self._reject_threshold, top_k)

    def classify_many(
        self,
        images: Iterable[Image],
        top_k: int | None = DEFAULT_TOP_K,
        max_pixels: int = MAX_PIXELS,
        threads: int | None = None,
    ) -> Iterator[Classification | ImageError]:
        """Yield the answer for each of `images`, in order; for one that fails, the ImageError that `classify` raises.

        `images` is any iterable, an array [N, H, W, 3] too, or an endless one: it is read a little ahead. `threads`
        work on them (default: one for each core); load the classifier with `threads=1` for that.

        Example:
            >>> for answer in classifier.classify_many(["seven.png", "missing.png"]):
            ...     print(answer.code if isinstance(answer, Exception) else answer.predictions[0].label)
            7
            not_found
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


def make_finder(spec: ModelSpec, regions: Regions | None = None) -> "RegionFinder | None":
    """Return the finder of a model's regions, or of those given; None for whole pictures. Raises as `load`."""
    wanted = regions or spec.regions
    if wanted is None or wanted == "none":
        return None
    from edge.regions.finder import RegionFinder  # it needs OpenCV

    return RegionFinder(wanted)


def as_decoded(image: Image, max_pixels: int = MAX_PIXELS) -> DecodedImage:
    """Return the pixels of any image that a Classifier takes. Raises ImageError, or UsageError for another array."""
    if isinstance(image, DecodedImage):
        return image
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            raise UsageError(f"an image must be uint8 RGB [H, W, 3]. Received: {image.dtype} {list(image.shape)}")
        return DecodedImage(image, None)
    if isinstance(image, PillowImage):
        return from_pillow(image)
    if isinstance(image, str | os.PathLike):
        return read_image(image, max_pixels)
    if not isinstance(image, bytes):
        if not hasattr(image, "read"):
            kinds = "a path, bytes, a binary file, a Pillow image or a uint8 array"
            raise UsageError(f"an image must be {kinds}. Received: {type(image).__name__}")
        image = image.read()
    return decode_image(image, max_pixels)


@dataclass(frozen=True)
class SelfTestResult:
    """The largest difference of a probability in a replay, and the sample that has it."""

    samples: int
    largest_difference: float
    worst_sample: str
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether the difference is within the tolerance; NaN is not."""
        return self.largest_difference <= self.tolerance


def replay_self_test(
    spec: ModelSpec, probabilities: Callable[[NDArray[np.uint8]], NDArray[np.float32]]
) -> SelfTestResult:
    """Compare the answers on this device with those in the spec's samples.

    Another processor or runtime can answer differently. `probabilities` takes uint8 [N, H, W, 3] and returns float32
    [N, labels]. Raises ModelError without samples.
    """
    if spec.self_test is None:
        raise ModelError(f"{spec.name}: the file holds no self-test samples")
    differences: list[tuple[float, str]] = []
    for sample in spec.self_test.samples:
        found = probabilities(decode_sample(spec, sample)[None])[0].astype(np.float64)
        differences.append((float(np.abs(found - np.array(sample.probabilities)).max()), sample.name))
    largest, worst = max(differences, key=lambda pair: np.nan_to_num(pair[0], nan=np.inf))
    return SelfTestResult(len(differences), largest, worst, spec.self_test.tolerance)


def decode_sample(spec: ModelSpec, sample: SelfTestSample) -> NDArray[np.uint8]:
    """Return the pixels, uint8 RGB [H, W, 3], of a sample in `spec`. Raises ModelError, naming it, if it is damaged."""
    try:
        return decode_image(base64.b64decode(sample.png, validate=True)).pixels
    except ValueError as error:  # ImageError is one as well
        raise ModelError(f"{spec.name}: the self-test sample {sample.name!r} is no picture ({error})") from None


def require_self_test(
    spec: ModelSpec, probabilities: Callable[[NDArray[np.uint8]], NDArray[np.float32]], source: str
) -> SelfTestResult:
    """Return the result of a replay; `source` names the file. Raises ParityError unless it passed."""
    result = replay_self_test(spec, probabilities)
    if not result.passed:
        known = "the original network did" if spec.variant is None else "it did at its export"
        raise ParityError(
            f"{source}: it does not answer here as {known} ({result.worst_sample}: largest difference "
            f"{result.largest_difference:.1e}, limit {result.tolerance:.0e})"
        )
    return result
