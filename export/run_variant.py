"""Make the variant of a run: calibrated on pictures it was trained on, judged by pictures it has not seen."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from edge.decode import decode_image
from edge.errors import ModelError
from edge.spec import ModelSpec
from export.parity.compare import OfPictures
from export.quantize.gate import Examples, Shrunk, make_fp16, make_int8
from export.quantize.int8 import scheme_for
from export.run_folder import RunFolder
from export.unsure import describe_unsure
from export.variant_options import VariantOptions


def make_run_variant(
    run: RunFolder, spec: ModelSpec, options: VariantOptions, network: onnx.ModelProto, prepare: OfPictures
) -> Shrunk:
    """Return the smaller network of `run`, whose spec is `spec`, with the record of its cost.

    Networks go from float32 [N, h, w, c] to [N, classes], `prepare` from uint8 RGB [1, H, W, 3] to float32
    [1, h, w, c]. Raises ParityError if it loses more than is allowed, ModelError if the run lacks the pictures.
    """
    with tempfile.TemporaryDirectory() as folder:
        examples = _read_examples(run, spec.labels, prepare, Path(folder, "held_out"))
        if options.kind == "fp16":
            made, record = make_fp16(network, examples, options.max_drop_points)
        else:
            calibration = _read_calibration(run, prepare)
            scheme = scheme_for(options.target)
            made, record = make_int8(network, scheme, calibration, examples, options.max_drop_points)
        if spec.abstain_below is None:
            return Shrunk(made, record, ())
        return Shrunk(made, record, (describe_unsure(made, network, examples, spec.abstain_below, options.kind),))


def require_pictures(run: RunFolder, options: VariantOptions) -> None:
    """Raise ModelError if `run` lacks the pictures for what is asked; it is known before anything is converted."""
    if options.kind == "int8" and not run.calibration.is_file():
        raise ModelError(
            f"{run.path}: int8 is calibrated on pictures of the training, and this run has no "
            f"{run.calibration.name}; train it again with this eyespot"
        )


def _read_calibration(run: RunFolder, prepare: OfPictures) -> NDArray[np.float32]:
    arrays = [prepare(pixels[None]) for _, pixels in run.read_calibration()]
    return np.concatenate(arrays) if arrays else np.empty((0,), np.float32)


def _read_examples(run: RunFolder, labels: tuple[str, ...], prepare: OfPictures, path: Path) -> Examples:
    """Prepare all held-out images once, on disk, for there may be more than fit into memory."""
    targets = []
    shape: tuple[int, ...] = ()
    with path.open("wb") as file:
        for label, array in _labelled(run, prepare):
            if label not in labels:
                raise ModelError(f"{run.held_out}: the images must carry labels of the run. Received: {label!r}")
            targets.append(labels.index(label))
            file.write(array.tobytes())
            shape = array.shape[1:]
    images = np.memmap(path, np.float32, "r", shape=(len(targets), *shape)) if targets else np.empty(0, np.float32)
    return Examples(images, np.array(targets, np.int64))


def _labelled(run: RunFolder, prepare: OfPictures) -> Iterator[tuple[str, NDArray[np.float32]]]:
    for image in run.read_held_out_files():
        yield image.label, prepare(decode_image(image.encoded).pixels[None])
