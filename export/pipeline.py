"""The one way into an artifact, from top to bottom: convert, evaluate, merge, compare, make smaller, write.

    source -> ONNX in its one form -> head -> preprocessing in front -> parity -> (int8 or fp16 -> gate) -> spec -> file

A run brings labels, figures and pictures with it; a network from elsewhere is described by its user, and gets its
figures here from a folder of labelled pictures. Nothing is written unless the file answers as the source does.
"""

import tempfile
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np
import onnx
from numpy.typing import NDArray

from edge.errors import ModelError, ParityError, UsageError
from edge.fingerprint import measure
from edge.model import NETWORK_INPUT_NAME, OUTPUT_NAME
from edge.runtime import import_onnxruntime
from edge.spec import ModelSpec, Parity
from export.arguments import DEFAULTS, ExportOptions
from export.evaluation import find_threshold, fit_temperature, record_of
from export.fingerprint import take_fingerprint
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
    rounding_noise,
)
from export.parity.pictures import Pictures, Use, made_pictures, run_pictures
from export.preprocess import build_preprocessing, network_shape
from export.quantize import Examples, describe_unsure, make_fp16, make_int8
from export.quantize.int8 import target_of
from export.run_folder import RunFolder
from export.sources.source import Source
from export.writer import (
    SELF_TEST_FACTOR,
    SELF_TEST_SAMPLES,
    VARIANT_SELF_TEST_TOLERANCES,
    fit_into,
    make_self_test,
    stamp,
    write_artifact,
)

# Pictures that are answered at once; between its layers a network may need a hundred times their memory.
BATCH = 4
# Samples of pictures as they came: so many, of the first that are looked at, and no larger.
MOST_SHOWN, MOST_LOOKED_AT, SHOWN_SIDE_PX = 3, 200, 160


@dataclass(frozen=True)
class Exported:
    """What was written: its spec, its size in bytes, the comparisons behind the certificate, worst first.

    `notes` are sentences for the user on where the file differs from the source.
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

    def expected(self, arrays: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probabilities [N, classes] of the source for preprocessed `arrays`."""
        return apply_head(self.head, self.source.answer(arrays))


def export_run(run: RunFolder, output: Path, options: ExportOptions = DEFAULTS) -> Exported:
    """Write the artifact of `run` to `output`, after comparing it with Keras on the run's evaluation images.

    Raises ModelError for a damaged run or one without the pictures for a variant, and what `export_source` does.
    """
    from export.sources.keras_file import load_keras
    from export.sources.tensorflow import keras_source

    spec = run.read_spec()
    if options.variant == "int8" and not run.calibration.is_file():
        raise ModelError(
            f"{run.path}: int8 is calibrated on pictures of the training, and this run has no "
            f"{run.calibration.name}; train it again with this eyespot"
        )
    return export_source(keras_source(load_keras(run.model), str(run.path)), spec, run_pictures(run), output, options)


def export_source(
    source: Source, spec: ModelSpec, pictures: Pictures, output: Path, options: ExportOptions = DEFAULTS
) -> Exported:
    """Write the artifact of `source` to `output`, after comparing it with the source on `pictures`.

    Raises UsageError or ModelError for what cannot be exported, ParityError for a file that is not equal within the
    tolerance or a variant that loses too much; then nothing is written.
    """
    if not pictures.is_labelled and (options.calibrate or options.answer_accuracy is not None):
        raise UsageError("--calibrate and --answer-accuracy need --images DIR with a folder of pictures for each label")
    if options.variant and pictures.origin == "made":
        raise UsageError(
            f"--{options.variant} is calibrated and judged on pictures; give them with --images DIR, at best in a "
            "folder for each label"
        )
    converted = convert(source, spec)
    if spec.training is None and pictures.is_labelled:
        converted, spec = evaluate(converted, spec, pictures, options)
    network = attach_head(converted.bare, converted.head)
    model = merge(converted.preprocessing, network)
    answer = of_pictures(model, OUTPUT_NAME, str(output))
    comparisons, limit = prove(converted, network, answer, pictures, options.tolerance)
    parity = certify(comparisons, converted.source, pictures, limit)
    samples = [c for c in (*show(converted, pictures), *comparisons) if c.view][:SELF_TEST_SAMPLES]
    self_test_tolerance = SELF_TEST_FACTOR * limit
    notes = _notes(converted, options, limit)
    if options.variant:
        network, spec, note = shrink(converted, network, spec, pictures, options)
        model = merge(converted.preprocessing, network)
        answer = of_pictures(model, OUTPUT_NAME, str(output))
        samples = [replace(c, expected=answer(c.view.pixels[None])[0]) for c in samples if c.view]
        self_test_tolerance = VARIANT_SELF_TEST_TOLERANCES[options.variant]
        notes += note
    self_test = make_self_test(samples, self_test_tolerance)
    content, spec = stamp(model, msgspec.structs.replace(spec, parity=parity, self_test=self_test))
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
    arrays = np.concatenate([prepare(example.pixels[None]) for example in made_pictures().read("compare")])
    # The numbers that the network gives for made pictures tell logits from probabilities.
    sample = np.concatenate([source.answer(arrays[i : i + BATCH]) for i in range(0, len(arrays), BATCH)])
    bare = source.convert(shape, sample.shape[1])
    head = find_head(bare, sample)
    if (classes := head.classes(sample.shape[1])) != len(spec.labels):
        raise ModelError(f"{source.name}: the network has {classes} classes for {len(spec.labels)} labels")
    return Converted(source, head, preprocessing, prepare, bare)


def evaluate(
    converted: Converted, spec: ModelSpec, pictures: Pictures, options: ExportOptions
) -> tuple[Converted, ModelSpec]:
    """Return the network with a fitted temperature, if asked for, and the spec with threshold, accuracy, fingerprint.

    Temperature and threshold are chosen on the calibration pictures, the other figures measured on the others.
    """
    head = converted.head
    if options.calibrate or options.answer_accuracy is not None:
        rows, targets, _ = _answer_labelled(converted, spec, pictures, "calibrate")
        if options.calibrate:
            head = replace(head, temperature=fit_temperature(apply_head(head, rows), targets))
        if options.answer_accuracy is not None:
            threshold = find_threshold(apply_head(head, rows), targets, options.answer_accuracy)
            spec = msgspec.structs.replace(spec, reject_threshold=threshold)
    rows, targets, measures = _answer_labelled(converted, spec, pictures, "evaluate")
    probabilities = apply_head(head, rows)
    record = record_of(probabilities, targets, pictures.name, pictures.digest, head.temperature)
    fingerprint = take_fingerprint(measures, probabilities)
    return replace(converted, head=head), msgspec.structs.replace(spec, training=record, fingerprint=fingerprint)


def _answer_labelled(
    converted: Converted, spec: ModelSpec, pictures: Pictures, use: Use
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float64]]:
    """Return the source's rows [N, units], targets [N] and measures [N, 3] of labelled pictures."""
    rows, targets, measures = [], [], []
    examples = pictures.read(use)
    while batch := list(islice(examples, BATCH)):
        rows.append(converted.source.answer(np.concatenate([converted.prepare(e.pixels[None]) for e in batch])))
        targets += [spec.labels.index(str(example.label)) for example in batch]
        measures += [measure(example.pixels) for example in batch]
    if not rows:
        raise UsageError(f"{pictures.name}: there are too few labelled pictures to judge by; give ten or more")
    return np.concatenate(rows), np.array(targets, np.int64), np.array(measures)


def prove(
    converted: Converted, network: onnx.ModelProto, answer: OfPictures, pictures: Pictures, given: float | None
) -> tuple[list[Comparison], float]:
    """Return the comparisons, worst first, and the limit. Raises ParityError if `answer`, the file, is not equal.

    Rounding widens the limit, unless the user has `given` one.
    """
    tolerance = TOLERANCE if given is None else given
    views = make_views((example.name, example.pixels) for example in pictures.read("compare"))
    found = compare(views, converted.prepare, converted.expected, answer, tolerance)
    noise = None if given is not None else lambda array: rounding_noise(network, array)
    comparisons, limit = check_parity(found, tolerance, noise)
    require_different_answers(comparisons, limit)
    images = np.stack([example.pixels for example in islice(made_pictures().read("compare"), BATCH)])
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
    """Return a few pictures of different labels, made small, with the probabilities of the source.

    They are stored in the file as samples, and a card shows them; there are none of made pictures.
    """
    shown: dict[str | None, Comparison] = {}
    for example in islice(pictures.read("evaluate"), MOST_LOOKED_AT):
        if example.label not in shown:
            pixels = fit_into(example.pixels, SHOWN_SIDE_PX)
            expected = converted.expected(converted.prepare(pixels[None]))[0]
            shown[example.label] = Comparison(example.name, View(example.name, pixels), expected, 0.0, True)
            if len(shown) == MOST_SHOWN:
                break
    return list(shown.values())


def certify(comparisons: list[Comparison], source: Source, pictures: Pictures, limit: float) -> Parity:
    """Return the certificate of a comparison that was within `limit`."""
    return Parity(
        reference=source.reference,
        origin=pictures.origin,
        images=count_pictures(comparisons),
        comparisons=len(comparisons),
        largest_difference=max(c.difference for c in comparisons),
        top1_agreement=sum(c.same_top1 for c in comparisons) / len(comparisons),
        tolerance=limit,
        data_digest=pictures.digest,
        versions={m.__name__: m.__version__ for m in (*source.modules, onnx, import_onnxruntime())},
    )


def shrink(
    converted: Converted, network: onnx.ModelProto, spec: ModelSpec, pictures: Pictures, options: ExportOptions
) -> tuple[onnx.ModelProto, ModelSpec, tuple[str, ...]]:
    """Return the smaller network, the spec with the record of its cost, and sentences for the user.

    Raises ParityError if it loses more than is allowed, ModelError for pictures without the labels of the model.
    """
    targets: list[int] = []
    with tempfile.TemporaryFile() as file:  # there may be more prepared pictures than fit into memory
        shape: tuple[int, ...] = ()
        for example in pictures.read("evaluate"):
            if pictures.is_labelled:
                if example.label not in spec.labels:
                    raise ModelError(
                        f"{pictures.name}: the images must have labels of the run. Received: {example.label!r}"
                    )
                targets.append(spec.labels.index(example.label))
            array = converted.prepare(example.pixels[None])
            file.write(array.tobytes())
            shape = array.shape[1:]
        file.flush()
        images = np.memmap(file, np.float32, "r").reshape(-1, *shape) if shape else np.empty(0, np.float32)
        known = np.array(targets, np.int64) if pictures.is_labelled else None
        examples = Examples(images, known, options.max_drop)
        if options.variant == "fp16":
            made = make_fp16(network, examples)
        else:
            arrays = [converted.prepare(example.pixels[None]) for example in pictures.read("calibrate")]
            calibration = np.concatenate(arrays) if arrays else np.empty(0, np.float32)
            made = make_int8(network, target_of(options.target), calibration, examples)
        threshold = spec.reject_threshold
        notes = () if threshold is None else (describe_unsure(made, known, threshold),)
    return made.network, msgspec.structs.replace(spec, variant=made.record), notes


def _notes(converted: Converted, options: ExportOptions, limit: float) -> tuple[str, ...]:
    """Return sentences for the user on where the file differs from the source."""
    notes = [*converted.source.notes, *([converted.head.note] if converted.head.note else [])]
    if fixed_batch(converted.bare):
        notes.append(
            "the network cannot answer several pictures at once, so the file answers them one after the other; save it "
            "with an open batch if it is to be fast on a GPU"
        )
    if converted.head.temperature != 1:
        notes.append(f"the logits are divided by {converted.head.temperature:.3g}, the temperature that was fitted")
    if limit > (options.tolerance or TOLERANCE):
        notes.append(
            f"differences up to {limit:.1e} were accepted, {NOISE_FACTOR} times as much as rounding alone makes in "
            "this network (float32 against float64)"
        )
    return tuple(notes)
