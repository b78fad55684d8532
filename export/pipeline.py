"""The one way into an artifact, from top to bottom: convert, choose, merge, compare, shrink, certify, write.

    source -> ONNX in its one form -> head -> preprocessing in front -> parity -> (int8 or fp16 -> gate) -> spec -> file

A run brings labels, figures and pictures with it; a network from elsewhere is described by its user, and gets its
figures here from a folder of labelled pictures. Nothing is written unless the file answers as the source does.
"""

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from types import ModuleType

import cv2
import msgspec
import numpy as np
import onnx
from numpy.typing import NDArray

from edge.errors import ModelError, ParityError, UsageError
from edge.fingerprint import measure, take_fingerprint
from edge.model import NETWORK_INPUT_NAME, OUTPUT_NAME
from edge.runtime import import_onnxruntime
from edge.spec import ModelSpec, Parity
from export.evaluation import find_threshold, fit_temperature, record_of
from export.graph.head import Head, apply_head, attach_head, find_head
from export.graph.merge import merge
from export.graph.session import OfPictures, fixed_batch, of_pictures
from export.parity.compare import (
    NOISE_FACTOR,
    TOLERANCE,
    Comparison,
    View,
    check_parity,
    compare,
    count_pictures,
    make_views,
    require_different_answers,
)
from export.parity.noise import rounding_noise
from export.parity.pictures import Example, Pictures, made_pictures, run_pictures
from export.preprocess import build_preprocessing, network_shape
from export.quantize.gate import Examples, VariantOptions, describe_unsure, make_fp16, make_int8
from export.quantize.int8 import target_of
from export.run_folder import RunFolder
from export.sources.source import Source
from export.writer import make_self_test, make_variant_self_test, stamp, write_artifact

# Pictures that are answered at once; between its layers a network may need a hundred times their memory.
BATCH = 4
# Samples of pictures as they came: so many, of the first that are looked at, and no larger.
MOST_SHOWN, MOST_LOOKED_AT, SHOWN_SIDE_PX = 3, 200, 160

ONE_BY_ONE_NOTE = (
    "the network cannot answer several pictures at once, so the file answers them one after the other; save it with an "
    "open batch if it is to be fast on a GPU"
)


@dataclass(frozen=True)
class Choices:
    """What a user may choose: how equal the file must be, a smaller variant, and what labelled pictures decide.

    A `tolerance` that is given is not widened by rounding; None is `TOLERANCE`, or more where rounding makes more.
    `calibrate` fits a temperature, `answer_accuracy` (a share, 0 to 1) finds a threshold; both are for networks from
    elsewhere, for a run has decided them.
    """

    tolerance: float | None = None
    variant: VariantOptions | None = None
    calibrate: bool = False
    answer_accuracy: float | None = None


@dataclass(frozen=True)
class Exported:
    """What was written: its spec, its size in bytes, the comparisons behind the certificate, worst first.

    `notes` are sentences for the user on what the file does otherwise than the source.
    """

    spec: ModelSpec
    size_bytes: int
    comparisons: list[Comparison]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Converted:
    """A source and the ONNX of it: the network without its head, the head, and the preprocessing."""

    source: Source
    head: Head
    preprocessing: onnx.ModelProto
    prepare: OfPictures
    bare: onnx.ModelProto

    @property
    def network(self) -> onnx.ModelProto:
        """The network with its head, `network_input` to `probabilities`."""
        return attach_head(self.bare, self.head)

    def expected(self, arrays: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probabilities [N, classes] of the source for preprocessed `arrays`."""
        return apply_head(self.head, self.source.answer(arrays))


def export_run(run: RunFolder, output: Path, choices: Choices = Choices()) -> Exported:  # it is frozen
    """Write the artifact of `run` to `output`, after proving it equal to Keras on the run's evaluation images.

    Raises ModelError for a damaged run or one without the pictures for a variant, and what `export_source` does.
    """
    from export.sources.keras_file import load_keras
    from export.sources.tensorflow import keras_source

    spec = run.read_spec()
    if choices.variant and choices.variant.kind == "int8" and not run.calibration.is_file():
        raise ModelError(
            f"{run.path}: int8 is calibrated on pictures of the training, and this run has no "
            f"{run.calibration.name}; train it again with this eyespot"
        )
    return export_source(keras_source(load_keras(run.model), str(run.path)), spec, run_pictures(run), output, choices)


def export_source(
    source: Source,
    spec: ModelSpec,
    pictures: Pictures,
    output: Path,
    choices: Choices = Choices(),  # it is frozen
) -> Exported:
    """Write the artifact of `source` to `output`, after proving it equal on `pictures`.

    Raises UsageError or ModelError for what cannot be exported, ParityError for a file that is not equal within the
    tolerance or a variant that loses too much; then nothing is written.
    """
    converted = convert(source, spec)
    if spec.training is None:
        _require_labelled(pictures, choices)
        if pictures.is_labelled:
            converted, spec = evaluate(converted, spec, pictures, choices)
    network = converted.network
    model = merge(converted.preprocessing, network)
    comparisons, limit = prove(converted, of_pictures(model, OUTPUT_NAME, str(output)), pictures, choices.tolerance)
    notes = _notes(converted, limit if choices.tolerance else TOLERANCE, limit)
    samples = [*show(converted, pictures), *comparisons]
    self_test = make_self_test(samples, limit)
    spec = msgspec.structs.replace(
        spec, parity=certify(comparisons, converted.source, pictures, limit), self_test=self_test
    )
    if choices.variant is not None:
        with tempfile.TemporaryDirectory() as folder:
            network, spec, note = shrink(converted, spec, pictures, choices.variant, Path(folder, "judged"))
        model = merge(converted.preprocessing, network)
        spec = msgspec.structs.replace(spec, self_test=make_variant_self_test(samples, model, choices.variant.kind))
        notes += note
    content, spec = stamp(model, spec)
    write_artifact(content, output)
    return Exported(spec, len(content), comparisons, notes)


def convert(source: Source, spec: ModelSpec) -> Converted:
    """Return the ONNX of a network behind the preprocessing of `spec`.

    Raises UsageError if the two, or the labels, do not fit, ModelError for a network that cannot be exported.
    """
    preprocessing = build_preprocessing(spec.preprocessing)
    shape = network_shape(preprocessing)
    source = source.accept(shape)
    prepare = of_pictures(preprocessing, NETWORK_INPUT_NAME, "preprocessing")
    arrays = np.concatenate([prepare(pixels[None]) for _, pixels in made_pictures().read()])
    # What the network says of made pictures tells logits from probabilities.
    sample = np.concatenate([source.answer(arrays[i : i + BATCH]) for i in range(0, len(arrays), BATCH)])
    bare = source.convert(shape, sample.shape[1])
    head = find_head(bare, sample)
    if (classes := head.classes(sample.shape[1])) != len(spec.labels):
        raise ModelError(f"{source.name}: the network has {classes} classes for {len(spec.labels)} labels")
    return Converted(source, head, preprocessing, prepare, bare)


def evaluate(
    converted: Converted, spec: ModelSpec, pictures: Pictures, choices: Choices
) -> tuple[Converted, ModelSpec]:
    """Return the network with a fitted temperature, if one is asked for, and the spec with what pictures say of it.

    Temperature and threshold are chosen by the calibration pictures; accuracy, confusions and the fingerprint are of
    the pictures to judge by.
    """
    measures: list[tuple[float, ...]] = []

    def answered(examples: Iterable[Example]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        rows, targets = [], []
        for example in examples:
            measures.append(tuple(measure(example.pixels)))
            rows.append(converted.expected(converted.prepare(example.pixels[None]))[0])
            targets.append(spec.labels.index(str(example.label)))
        return np.array(rows), np.array(targets, np.int64)

    if choices.calibrate or choices.answer_accuracy is not None:
        chosen, shown = answered(pictures.calibration())
        if choices.calibrate:
            temperature = fit_temperature(chosen, shown)
            converted = replace(converted, head=converted.head.with_temperature(temperature))
            measures.clear()
            chosen, shown = answered(pictures.calibration())
        if choices.answer_accuracy is not None:
            spec = msgspec.structs.replace(
                spec, reject_threshold=find_threshold(chosen, shown, choices.answer_accuracy)
            )
    probabilities, targets = answered(pictures.judged())
    if not len(targets):
        raise UsageError(f"{pictures.name}: there are too few labelled pictures to judge by; give ten or more")
    record = record_of(probabilities, targets, pictures.name, pictures.digest, converted.head.temperature)
    fingerprint = take_fingerprint(np.array(measures), probabilities)
    return converted, msgspec.structs.replace(spec, training=record, fingerprint=fingerprint)


def _require_labelled(pictures: Pictures, choices: Choices) -> None:
    """Raise UsageError for what is asked of pictures that are not labelled, or not there."""
    if not pictures.is_labelled and (choices.calibrate or choices.answer_accuracy is not None):
        raise UsageError(
            "--calibrate and --answer-accuracy choose by labelled pictures; give --images DIR with a folder "
            "for each label"
        )
    if choices.variant and pictures.origin == "made":
        raise UsageError(
            f"--{choices.variant.kind} is calibrated and judged on pictures; give them with --images DIR, at best in a "
            "folder for each label"
        )


def prove(
    converted: Converted, answer: OfPictures, pictures: Pictures, given: float | None
) -> tuple[list[Comparison], float]:
    """Return the comparisons, worst first, and the limit. Raises ParityError if `answer`, the file, is not equal."""
    network, tolerance = converted.network, TOLERANCE if given is None else given
    found = compare(make_views(pictures.read()), converted.prepare, converted.expected, answer, tolerance)
    noise = None if given is not None else lambda array: rounding_noise(network, array)
    comparisons, limit = check_parity(found, tolerance, noise)
    require_different_answers(comparisons, limit)
    images = np.stack([pixels for _, pixels in islice(made_pictures().read(), BATCH)])
    alone = np.concatenate([answer(image[None]) for image in images])
    together = answer(images)
    difference = np.abs(together - alone).max() if together.shape == alone.shape else np.inf
    if not difference <= limit:  # a network may have one size of batch baked in
        raise ParityError(
            f"the network answers otherwise for {len(images)} pictures at once than for each alone (largest difference "
            f"{difference:.1e}, limit {limit:.0e}). Nothing was written"
        )
    return comparisons, limit


def show(converted: Converted, pictures: Pictures) -> list[Comparison]:
    """Return a few pictures as they came, of different labels and made small, with what the source says of them.

    They travel in the file as samples, and a card shows them; made pictures show nothing.
    """
    shown: dict[str | None, Comparison] = {}
    for example in islice(pictures.judged(), MOST_LOOKED_AT):
        if example.label in shown or len(shown) == MOST_SHOWN:
            continue
        height, width = example.pixels.shape[:2]
        scale = min(1.0, SHOWN_SIDE_PX / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        pixels = np.asarray(cv2.resize(example.pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
        expected = converted.expected(converted.prepare(pixels[None]))[0]
        shown[example.label] = Comparison(example.name, View(example.name, pixels), expected, 0.0, True)
    return list(shown.values())


def certify(comparisons: list[Comparison], source: Source, pictures: Pictures, limit: float) -> Parity:
    """Return the certificate of a comparison that was within `limit`."""
    modules: tuple[ModuleType, ...] = (*source.modules, onnx, import_onnxruntime())
    return Parity(
        reference=source.reference,
        origin=pictures.origin,
        images=count_pictures(comparisons),
        comparisons=len(comparisons),
        largest_difference=max(c.difference for c in comparisons),
        top1_agreement=sum(c.same_top1 for c in comparisons) / len(comparisons),
        tolerance=limit,
        data_digest=pictures.digest,
        versions={module.__name__: module.__version__ for module in modules},
    )


def shrink(
    converted: Converted, spec: ModelSpec, pictures: Pictures, options: VariantOptions, path: Path
) -> tuple[onnx.ModelProto, ModelSpec, tuple[str, ...]]:
    """Return the smaller network, the spec with the record of its cost, and sentences for the user.

    Prepared pictures are kept in the file `path`, for there may be more than fit into memory. Raises ParityError if it
    loses more than is allowed, ModelError for pictures without the labels of the model.
    """
    network = converted.network
    examples = _examples(converted, spec, pictures, path)
    if options.kind == "fp16":
        made, record = make_fp16(network, examples, options.max_drop_points)
    else:
        arrays = [converted.prepare(example.pixels[None]) for example in pictures.calibration()]
        calibration = np.concatenate(arrays) if arrays else np.empty((0,), np.float32)
        made, record = make_int8(network, target_of(options.target), calibration, examples, options.max_drop_points)
    below = spec.reject_threshold
    notes = () if below is None else (describe_unsure(made, network, examples, below),)
    return made, msgspec.structs.replace(spec, variant=record), notes


def _examples(converted: Converted, spec: ModelSpec, pictures: Pictures, path: Path) -> Examples:
    targets: list[int] = []
    shape: tuple[int, ...] = ()
    with path.open("wb") as file:
        count = 0
        for example in pictures.judged():
            if pictures.is_labelled:
                if example.label not in spec.labels:
                    raise ModelError(
                        f"{pictures.name}: the images must carry labels of the run. Received: {example.label!r}"
                    )
                targets.append(spec.labels.index(example.label))
            array = converted.prepare(example.pixels[None])
            file.write(array.tobytes())
            shape, count = array.shape[1:], count + 1
    images = np.memmap(path, np.float32, "r", shape=(count, *shape)) if count else np.empty(0, np.float32)
    return Examples(images, np.array(targets, np.int64) if pictures.is_labelled else None)


def _notes(converted: Converted, tolerance: float, limit: float) -> tuple[str, ...]:
    """Return sentences for the user on what the file does otherwise than the source."""
    notes = [*converted.source.notes, *([converted.head.note] if converted.head.note else [])]
    if fixed_batch(converted.bare):
        notes.append(ONE_BY_ONE_NOTE)
    if converted.head.temperature != 1:
        notes.append(f"the logits are divided by {converted.head.temperature:.3g}, the temperature that was fitted")
    if limit > tolerance:
        notes.append(
            f"differences up to {limit:.1e} were accepted, {NOISE_FACTOR} times as much as rounding alone makes in "
            "this network (float32 against float64)"
        )
    return tuple(notes)
