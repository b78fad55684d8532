"""`export`: a network from Python becomes one .onnx file, compared with it."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from edge.errors import UsageError
from edge.spec import ModelSpec
from export.arguments import DEFAULTS, ExportOptions, resolve_output
from export.parity.pictures import find_pictures
from export.pipeline import export_run, export_source
from export.run_folder import RunFolder
from export.sources.description import Description
from export.sources.source import Source, open_source

if TYPE_CHECKING:
    import keras

    from eyespot.preprocessing import Preprocessing
    from training.train import Run


def export(
    model: "keras.Model | Run | str | os.PathLike[str]",
    labels: Sequence[str] | None = None,
    preprocessing: "Preprocessing | None" = None,
    *,
    output: str | os.PathLike[str],
    images: str | os.PathLike[str] | None = None,
    variant: Literal["int8", "fp16"] | None = None,
    max_drop: float = DEFAULTS.max_drop,
    tolerance: float | None = None,
) -> ModelSpec:
    """Write a classifier as one .onnx file, after proving that the file answers as the network does.

    Args:
        model: A Keras model, what `eyespot.train` returned, or a path: a run folder, a file of Keras, a SavedModel or
            a plain ONNX file.
        labels: In the order of the network's outputs. A run has its own.
        preprocessing: What the network was trained with. A run has its own.
        output: The .onnx file to write.
        images: A folder of pictures to compare on, made ones otherwise; with one folder a label they also say how
            good the network is.
        variant: `"int8"` for processors or `"fp16"` for GPUs: a smaller file.
        max_drop: How much accuracy the variant may lose, in points of 100.
        tolerance: The largest difference of a probability to accept (1e-5, or more where float32 rounds more).

    Returns the spec inside the file, with its `labels`, `version` and `parity`, the certificate of the comparison.

    Raises UsageError or ModelError for what cannot be exported, ParityError for a file that would not answer the same;
    then nothing is written.

    Example:
        >>> import eyespot, keras
        >>> preprocessing = eyespot.Preprocessing.preset("unit", 32)
        >>> train, validation = preprocessing.map("photos").split(0.25)
        >>> model = keras.Sequential([
        ...     keras.Input(preprocessing.shape),
        ...     keras.layers.Conv2D(8, 3, strides=2, activation="relu"),
        ...     keras.layers.GlobalAveragePooling2D(),
        ...     keras.layers.Dense(2, activation="softmax"),
        ... ])
        >>> model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        >>> history = model.fit(train, validation_data=validation, epochs=2, verbose=0)
        >>> spec = eyespot.export(model, train.labels, preprocessing, output="mine.onnx", images="photos")
        >>> spec.parity.largest_difference < 1e-5
        True
    """
    options = ExportOptions(tolerance=tolerance, variant=variant, max_drop=max_drop)
    path = Path(model) if isinstance(model, str | os.PathLike) else None
    folder = None if images is None else Path(images)
    target = resolve_output(Path(output), "", path, folder)
    if path and RunFolder(path).is_started:
        if labels is not None or preprocessing is not None or images is not None:
            raise UsageError(f"{path}: a run brings its labels, preprocessing and images; leave them out")
        return export_run(RunFolder(path), target, options).spec
    source = _keras_source(model) if path is None else open_source(path)
    if labels is None or preprocessing is None:
        raise UsageError(f"{source.name}: a network does not say its labels and its preprocessing; give both")
    described = Description(tuple(labels), preprocessing.steps, None)
    spec = described.spec(target.stem, source.input_shape)
    return export_source(source, spec, find_pictures(folder, labels), target, options).spec


def _keras_source(model: Any) -> Source:
    from export.sources.tensorflow import keras_source

    return keras_source(model, model.name)
