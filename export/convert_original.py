"""Turn any network into its ONNX: the preprocessing, the network with its head, and both in one."""

from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from edge.artifact import SEAM_NAME
from edge.errors import ModelError
from edge.spec import ModelSpec
from export.graph.ending import find_head
from export.graph.heads import Head, apply_head, attach_head
from export.graph.session import of_pictures
from export.parity.compare import OfPictures
from export.parity.pictures import made_pictures
from export.preprocess import build_preprocessing, network_shape
from export.sources.source import Original
from export.sources.tensorflow import weld

# Pictures that are answered at once; between its layers a network may need a hundred times their memory.
BATCH = 4


@dataclass(frozen=True)
class Converted:
    """An original and the ONNX of it: the network with its head, the preprocessing, and both in one."""

    original: Original
    head: Head
    preprocessing: onnx.ModelProto
    preprocess: OfPictures
    network: onnx.ModelProto

    def expected(self, arrays: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probabilities [N, classes] of the original for preprocessed `arrays`."""
        return apply_head(self.head, self.original.answer(arrays))

    def weld(self) -> onnx.ModelProto:
        """Return the whole: `image` to `probabilities`."""
        return weld(self.preprocessing, self.network)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the user on what the file does otherwise than the original."""
        return (*self.original.notes, *([self.head.note] if self.head.note else []))


def convert_original(original: Original, spec: ModelSpec) -> Converted:
    """Return the ONNX of a network behind the preprocessing of `spec`.

    Raises UsageError if the two, or the labels, do not fit, ModelError for a network that cannot be exported.
    """
    preprocessing = build_preprocessing(spec.preprocessing)
    shape = network_shape(preprocessing)
    original = original.accept(shape)
    preprocess = of_pictures(preprocessing, SEAM_NAME, "preprocessing")
    sample = _sample(original, preprocess)
    network = original.convert(shape, sample.shape[1])
    head = find_head(network, sample)
    if (classes := head.classes(sample.shape[1])) != len(spec.labels):
        raise ModelError(f"{original.source}: the network has {classes} classes for {len(spec.labels)} labels")
    return Converted(original, head, preprocessing, preprocess, attach_head(network, head))


def _sample(original: Original, preprocess: OfPictures) -> NDArray[np.float32]:
    """Return what the network says of the made pictures, [N, units], which tells logits from probabilities."""
    arrays = np.concatenate([preprocess(pixels[None]) for _, pixels in made_pictures().read()])
    return np.concatenate([original.answer(arrays[i : i + BATCH]) for i in range(0, len(arrays), BATCH)])
