"""Make the artifact of any network: preprocess, convert, give it a head, weld, compare, certify, write.

It exists so that there is one way into an artifact, and no way around the comparison.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
from numpy.typing import NDArray

from edge.artifact import INPUT_NAME, OUTPUT_NAME, SEAM_NAME
from edge.errors import ModelError, ParityError
from edge.runtime import create_session, import_onnxruntime
from edge.spec import ModelSpec, Parity, Variant
from export.ending import find_head
from export.heads import Head, apply_head, attach_head
from export.network import weld
from export.original import Original
from export.parity import Comparison, Preprocessing, check_parity, compare, make_variants, require_different_answers
from export.pictures import Pictures, made_pictures
from export.preprocessing import build_preprocessing, network_shape
from export.run_session import run_session
from export.writer import make_self_test, make_variant_self_test, stamp, write_artifact

# From the proven network, float32 [N, h, w, c] to [N, classes], and what prepares its arrays, to a smaller one.
Shrink = Callable[[onnx.ModelProto, Preprocessing], tuple[onnx.ModelProto, Variant]]

# Pictures that are answered at once; between its layers a network may need a hundred times their memory.
BATCH = 4


@dataclass(frozen=True)
class Exported:
    """What was written: its spec, its size in bytes, the comparisons behind the certificate, worst first.

    `notes` are sentences for the user on what the file does otherwise than the original.
    """

    spec: ModelSpec
    size_bytes: int
    comparisons: list[Comparison]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Converted:
    """An original and the ONNX of it: the network with its head, the preprocessing, and both in one."""

    original: Original
    head: Head
    preprocessing: onnx.ModelProto
    preprocess: Preprocessing
    network: onnx.ModelProto

    def expected(self, arrays: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probabilities [N, classes] of the original for preprocessed `arrays`."""
        return apply_head(self.head, self.original.answer(arrays))

    def weld(self) -> onnx.ModelProto:
        """Return the whole: `image` to `probabilities`."""
        return weld(self.preprocessing, self.network)


def export_original(
    original: Original,
    spec: ModelSpec,
    pictures: Pictures,
    output: Path,
    tolerance: float,
    shrink: Shrink | None = None,
) -> Exported:
    """Write the artifact of `original` to `output`, after proving it equal on `pictures`.

    With `shrink` a smaller variant of what was proven is written; it raises what it refuses. Raises UsageError
    or ModelError for what cannot be exported, ParityError past `tolerance`; then nothing is written.
    """
    converted = convert_original(original, spec)
    welded = converted.weld()
    whole = create_session(welded.SerializeToString(), str(output))

    def answer(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return run_session(whole, OUTPUT_NAME, {INPUT_NAME: images}, str(output))

    comparisons = check_parity(
        compare(make_variants(pictures.read()), converted.preprocess, converted.expected, answer), tolerance
    )
    require_different_answers(comparisons, tolerance)
    _check_batch(answer, tolerance)
    certified = replace(
        spec,
        parity=_certify(comparisons, converted.original, pictures, tolerance),
        self_test=make_self_test(comparisons),
    )
    if shrink is not None:
        network, variant = shrink(converted.network, converted.preprocess)
        welded = replace(converted, network=network).weld()
        self_test = make_variant_self_test(comparisons, welded, variant.kind)
        certified = replace(certified, variant=variant, self_test=self_test)
    content, certified = stamp(welded, certified)
    write_artifact(content, output)
    notes = (*converted.original.notes, *([converted.head.note] if converted.head.note else []))
    return Exported(certified, len(content), comparisons, notes)


def convert_original(original: Original, spec: ModelSpec) -> Converted:
    """Return the ONNX of a network behind the preprocessing of `spec`.

    Raises UsageError if the two, or the labels, do not fit, ModelError for a network that cannot be exported.
    """
    preprocessing = build_preprocessing(spec.preprocessing)
    shape = network_shape(preprocessing)
    original = original.accept(shape)
    front = create_session(preprocessing.SerializeToString(), "preprocessing")

    def preprocess(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return run_session(front, SEAM_NAME, {INPUT_NAME: images}, "preprocessing")

    sample = _sample(original, preprocess)
    network = original.convert(shape, sample.shape[1])
    head = find_head(network, sample)
    if (classes := head.classes(sample.shape[1])) != len(spec.labels):
        raise ModelError(f"{original.source}: the network has {classes} classes for {len(spec.labels)} labels")
    return Converted(original, head, preprocessing, preprocess, attach_head(network, head))


def _sample(original: Original, preprocess: Preprocessing) -> NDArray[np.float32]:
    """Return what the network says of the made pictures, [N, units], which tells logits from probabilities."""
    arrays = np.concatenate([preprocess(pixels[None]) for _, pixels in made_pictures().read()])
    return np.concatenate([original.answer(arrays[i : i + BATCH]) for i in range(0, len(arrays), BATCH)])


def _check_batch(answer: Callable[[NDArray[np.uint8]], NDArray[np.float32]], tolerance: float) -> None:
    """Raise ParityError if pictures in a batch get other answers than alone; a network may have one size baked in."""
    images = np.stack([pixels for _, pixels in islice(made_pictures().read(), BATCH)])
    alone = np.concatenate([answer(image[None]) for image in images])
    together = answer(images)
    difference = np.abs(together - alone).max() if together.shape == alone.shape else np.inf
    if not difference <= tolerance:
        raise ParityError(
            f"the network answers otherwise for {len(images)} pictures at once than for each alone (largest difference "
            f"{difference:.1e}, limit {tolerance:.0e}). Nothing was written"
        )


def _certify(comparisons: list[Comparison], original: Original, pictures: Pictures, tolerance: float) -> Parity:
    return Parity(
        reference=original.reference,
        origin=pictures.origin,
        images=len({c.name.rpartition(" at ")[0] for c in comparisons}),
        comparisons=len(comparisons),
        largest_difference=max(c.difference for c in comparisons),
        top1_agreement=sum(c.same_top1 for c in comparisons) / len(comparisons),
        tolerance=tolerance,
        data_digest=pictures.digest,
        versions=_versions((*original.modules, onnx, import_onnxruntime())),
    )


def _versions(modules: tuple[ModuleType, ...]) -> dict[str, str]:
    return {module.__name__: module.__version__ for module in modules}
