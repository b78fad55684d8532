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

from edge.artifact import OUTPUT_NAME
from edge.errors import ParityError
from edge.runtime import import_onnxruntime
from edge.spec import ModelSpec, Parity
from export.convert_original import BATCH, Converted, convert_original
from export.graph.session import of_pictures
from export.parity.compare import (
    Comparison,
    OfPictures,
    check_parity,
    compare,
    count_pictures,
    make_views,
    require_different_answers,
)
from export.parity.pictures import Pictures, made_pictures
from export.quantize.gate import Shrunk
from export.sources.source import Original
from export.writer import make_self_test, make_variant_self_test, stamp, write_artifact

# From the proven network, float32 [N, h, w, c] to [N, classes], and what prepares its arrays, to a smaller one.
Shrink = Callable[[onnx.ModelProto, OfPictures], Shrunk]


@dataclass(frozen=True)
class Exported:
    """What was written: its spec, its size in bytes, the comparisons behind the certificate, worst first.

    `notes` are sentences for the user on what the file does otherwise than the original.
    """

    spec: ModelSpec
    size_bytes: int
    comparisons: list[Comparison]
    notes: tuple[str, ...]


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
    comparisons = _prove(converted, of_pictures(welded, OUTPUT_NAME, str(output)), pictures, tolerance)
    certified = replace(
        spec,
        parity=_certify(comparisons, converted.original, pictures, tolerance),
        self_test=make_self_test(comparisons),
    )
    notes: tuple[str, ...] = ()
    if shrink is not None:
        shrunk = shrink(converted.network, converted.preprocess)
        welded = replace(converted, network=shrunk.network).weld()
        self_test = make_variant_self_test(comparisons, welded, shrunk.record.kind)
        certified, notes = replace(certified, variant=shrunk.record, self_test=self_test), shrunk.notes
    content, certified = stamp(welded, certified)
    write_artifact(content, output)
    return Exported(certified, len(content), comparisons, converted.notes + notes)


def _prove(converted: Converted, answer: OfPictures, pictures: Pictures, tolerance: float) -> list[Comparison]:
    """Return the comparisons, worst first. Raises ParityError if `answer`, the file, is not the original's."""
    comparisons = check_parity(
        compare(make_views(pictures.read()), converted.preprocess, converted.expected, answer), tolerance
    )
    require_different_answers(comparisons, tolerance)
    _check_batch(answer, tolerance)
    return comparisons


def _check_batch(answer: OfPictures, tolerance: float) -> None:
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
        images=count_pictures(comparisons),
        comparisons=len(comparisons),
        largest_difference=max(c.difference for c in comparisons),
        top1_agreement=sum(c.same_top1 for c in comparisons) / len(comparisons),
        tolerance=tolerance,
        data_digest=pictures.digest,
        versions=_versions((*original.modules, onnx, import_onnxruntime())),
    )


def _versions(modules: tuple[ModuleType, ...]) -> dict[str, str]:
    return {module.__name__: module.__version__ for module in modules}
