"""The one classifier: an artifact, warm, that turns images into labels with probabilities.

It exists so that the command line, the HTTP service and a program of yours give the same answer.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray

from edge.artifact import INPUT_NAME, OUTPUT_NAME
from edge.classification import Classification, Prediction, judge
from edge.cores import usable_cores
from edge.decode import MAX_PIXELS, DecodedImage, decode_image, read_image
from edge.errors import ImageError, UsageError
from edge.load_whole import load_whole
from edge.preprocessing_limits import require_preparable
from edge.sessions import Sessions, Tensor
from edge.spec import Faces, Glyphs, ModelSpec

if TYPE_CHECKING:
    from edge.regions.finder import RegionFinder
    from edge.regions.region import FoundBoxes

Image = str | os.PathLike[str] | bytes | DecodedImage | NDArray[np.uint8]


@dataclass(frozen=True)
class Begun:
    """One image after what is done for it alone: prepared as a whole, or each region that was `found` in it."""

    prepared: tuple[Tensor, ...]
    note: str | None
    found: "FoundBoxes | None" = None


class Classifier:
    """A model that is loaded and ready. It may be shared by any number of threads.

    Example:
        >>> classifier = Classifier.load("lenet-digits.onnx")
        >>> classifier.classify("seven.png").predictions[0].label
        '7'
    """

    def __init__(
        self, spec: ModelSpec, sessions: Sessions, min_probability: float = 0.0, finder: "RegionFinder | None" = None
    ) -> None:
        self.spec = spec
        self._sessions = sessions
        self._threshold = max(spec.abstain_below or 0.0, min_probability)
        self._finder = finder

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        threads: int = 0,
        *,
        spinning: bool = True,
        many: bool = False,
        min_probability: float = 0.0,
        regions: Faces | Glyphs | Literal["none"] | None = None,
        face_model: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Return the classifier in the artifact at `path`, on the CPU.

        `threads` work on one image; 0 lets onnxruntime choose, 1 is for callers that classify several at once. While
        they wait for each other they keep their cores busy, unless `spinning` is off. `many` lets images that are
        under way at once share a run of the network, with the same answers; it takes longer to load.

        An answer is `unsure` below `min_probability`, 0 to 1, or below the model's own threshold where that is
        higher. `regions` replaces what the model's spec looks for; "none" stands for whole pictures. `face_model`
        is a YuNet file to find faces with, in place of OpenCV's cascade.

        Raises ModelError or ModelNotFoundError for the files, InstallationError for the machine, UsageError for
        the call.
        """
        if not 0 <= min_probability <= 1:
            raise UsageError(f"min_probability must be 0 to 1. Received: {min_probability}")
        load = load_whole
        if many:
            from edge.load_cut import load_cut as load  # one picture at a time does not pay for it
        spec, sessions = load(Path(path), threads, spinning=spinning)
        return cls(spec, sessions, min_probability, _find_finder(spec, regions, face_model))

    @property
    def regions(self) -> Faces | Glyphs | None:
        """What this classifier looks for in a picture, None for nothing: then it classifies the whole."""
        return self._finder.regions if self._finder else None

    @property
    def most_together(self) -> int:
        """How many images that are under way at once may share a run of the network."""
        return self._sessions.most

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return float32 [N, classes], each row summing to 1, for `images` uint8 RGB [N, H, W, 3]."""
        return self._sessions.run([OUTPUT_NAME], {INPUT_NAME: images})[0]

    def classify(self, image: Image, top_k: int | None = None, max_pixels: int = MAX_PIXELS) -> Classification:
        """Return the `top_k` best predictions (all of them for None) for one image.

        `image` is a path, the bytes of an image file, or uint8 RGB [H, W, 3]. Raises ImageError if it holds
        no pixels or would take far too much memory, UsageError if it is another array or `top_k` is not positive.
        """
        return self.finish([self.begin(image, max_pixels)], top_k)[0]

    def begin(self, image: Image, max_pixels: int = MAX_PIXELS) -> Begun:
        """Return what is left of one image, as `classify` takes it, once its pixels are gone. Raises as `classify`."""
        decoded = _as_decoded(image, max_pixels)
        if self._finder is None:
            return Begun((self._prepare(decoded.pixels, max_pixels),), decoded.note)
        found = self._finder.find(decoded.pixels, self.spec.labels)
        crops = (self._finder.crop(decoded.pixels, box) for box in found.boxes)
        return Begun(tuple(self._prepare(crop, max_pixels) for crop in crops), decoded.note, found)

    def finish(self, begun: Sequence[Begun], top_k: int | None = None) -> list[Classification]:
        """Return the answer for each of several images; up to `most_together` share a run of the network."""
        if top_k is not None and top_k < 1:
            raise UsageError(f"top_k must be at least 1. Received: {top_k}")
        prepared, most = [tensor for one in begun for tensor in one.prepared], self._sessions.most
        shared = (self._sessions.answer(prepared[i : i + most]) for i in range(0, len(prepared), most))
        ranked = (self._rank(row, top_k) for rows in shared for row in rows)
        return [self._conclude(one, [next(ranked) for _ in one.prepared]) for one in begun]

    def predict(self, pixels: NDArray[np.uint8], top_k: int | None) -> tuple[tuple[Prediction, ...], bool]:
        """Return the predictions for the whole of uint8 RGB [H, W, 3], regions or not, and whether they are unsure.

        Raises ImageError for a picture so long and narrow that the preprocessing would take far too much memory.
        """
        require_preparable(self.spec.preprocessing, pixels.shape)
        return self._rank(self.probabilities(pixels[None])[0], top_k)

    def classify_many(
        self,
        images: Iterable[Image],
        top_k: int | None = None,
        max_pixels: int = MAX_PIXELS,
        threads: int | None = None,
    ) -> Iterator[Classification | ImageError]:
        """Yield the answer for each of `images`, in order: what `classify` returns, or the ImageError that it raises.

        `threads` work on them (None: one for each core); load the classifier with `threads=1, many=True` for that.
        `images` may be endless: it is read by another thread, never far ahead. Raises UsageError as `classify`.
        """
        from edge.ordered_map import OrderedMap

        if threads is not None and threads < 1:
            raise UsageError(f"threads must be at least 1. Received: {threads}")

        def begin(image: Image) -> Begun | ImageError:
            try:
                return self.begin(image, max_pixels)
            except ImageError as error:
                return error

        def answer(group: Sequence[Image]) -> list[Classification | ImageError]:
            begun = [begin(image) for image in group]
            answers = iter(self.finish([one for one in begun if isinstance(one, Begun)], top_k))
            return [next(answers) if isinstance(one, Begun) else one for one in begun]

        for result in OrderedMap(answer, images, threads or usable_cores(), together=self.most_together):
            if result is not None:
                yield result

    def _prepare(self, pixels: NDArray[np.uint8], max_pixels: int) -> Tensor:
        require_preparable(self.spec.preprocessing, pixels.shape, max_pixels)
        return self._sessions.prepare(pixels)

    def _rank(self, probabilities: NDArray[np.float32], top_k: int | None) -> tuple[tuple[Prediction, ...], bool]:
        return judge(self.spec.labels, probabilities, self._threshold, top_k)

    def _conclude(self, begun: Begun, ranked: list[tuple[tuple[Prediction, ...], bool]]) -> Classification:
        if self._finder is None or begun.found is None:
            ((predictions, unsure),) = ranked
            return Classification(predictions, begun.note, unsure)
        return self._finder.conclude(begun.found, ranked, begun.note)


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
