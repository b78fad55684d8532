"""Export a training run: convert, weld, compare, certify, write."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from edge.artifact import INPUT_NAME, OUTPUT_NAME, SEAM_NAME
from edge.errors import ModelError
from edge.runtime import create_session, import_onnxruntime
from edge.spec import ModelSpec, Parity
from export.network import convert_network, weld
from export.parity import TOLERANCE, Comparison, check_parity, compare, make_variants
from export.preprocessing import build_preprocessing
from export.quiet_tensorflow import start_tensorflow
from export.run_folder import RunFolder, file_digest
from export.run_variant import make_run_variant, require_pictures
from export.variant_options import VariantOptions
from export.writer import make_self_test, make_variant_self_test, stamp, write_artifact

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Exported:
    """What was written: its spec, its size in bytes, and the comparisons behind the certificate, worst first."""

    spec: ModelSpec
    size_bytes: int
    comparisons: list[Comparison]


def export_run(
    run: RunFolder, output: Path, tolerance: float = TOLERANCE, options: VariantOptions | None = None
) -> Exported:
    """Write the artifact of `run` to `output`, after proving it equal to Keras on the run's held-out images.

    With `options` a smaller variant of what was proven is written. Raises ModelError for a damaged run,
    ParityError past `tolerance` or for a variant that loses too much; then nothing is written.
    """
    spec = run.read_spec()
    if options is not None:
        require_pictures(run, options)
    model = load_keras(run.model)
    if (outputs := model.output_shape[-1]) != len(spec.labels):
        raise ModelError(f"{run.path}: its network has {outputs} outputs for the {len(spec.labels)} labels of its spec")
    preprocessing = build_preprocessing(spec.preprocessing)
    network = convert_network(model)
    welded = weld(preprocessing, network)
    front = create_session(preprocessing.SerializeToString(), "preprocessing")

    def prepare(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        array: NDArray[np.float32] = front.run([SEAM_NAME], {INPUT_NAME: images})[0]
        return array

    whole = create_session(welded.SerializeToString(), str(output))
    comparisons = check_parity(
        compare(
            make_variants(run.read_held_out()),
            preprocessing=prepare,
            keras=lambda arrays: np.asarray(model(arrays, training=False)),
            onnx=lambda images: whole.run([OUTPUT_NAME], {INPUT_NAME: images})[0],
        ),
        tolerance,
    )
    certified = replace(
        spec,
        parity=_certify(comparisons, file_digest(run.held_out), tolerance),
        self_test=make_self_test(comparisons),
    )
    if options is not None:
        network, variant = make_run_variant(run, spec.labels, network, prepare, options)
        welded = weld(preprocessing, network)
        self_test = make_variant_self_test(comparisons, welded, variant.kind)
        certified = replace(certified, variant=variant, self_test=self_test)
    content, certified = stamp(welded, certified)
    write_artifact(content, output)
    return Exported(certified, len(content), comparisons)


def load_keras(path: Path) -> "keras.Model":
    """Return the Keras model in a file. Raises ModelError if Keras cannot read it."""
    start_tensorflow()
    import keras

    try:
        return keras.models.load_model(path, compile=False)
    except (ValueError, OSError, TypeError, KeyError, BadZipFile) as error:
        raise ModelError(f"{path}: Keras cannot read this model ({str(error).splitlines()[0]})") from None


def _certify(comparisons: list[Comparison], data_digest: str, tolerance: float) -> Parity:
    return Parity(
        images=len({c.name.rpartition(" at ")[0] for c in comparisons}),
        comparisons=len(comparisons),
        largest_difference=max(c.difference for c in comparisons),
        top1_agreement=sum(c.same_top1 for c in comparisons) / len(comparisons),
        tolerance=tolerance,
        data_digest=data_digest,
        versions=_versions(),
    )


def _versions() -> dict[str, str]:
    import keras
    import onnx
    import tensorflow
    import tf2onnx

    modules = (tensorflow, keras, tf2onnx, onnx, import_onnxruntime())
    return {module.__name__: module.__version__ for module in modules}
