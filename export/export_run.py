"""Export a training run: its network, its spec, and the images that it held out."""

from functools import partial
from pathlib import Path

from export.export_original import Exported, export_original
from export.parity.compare import TOLERANCE
from export.parity.pictures import held_out_pictures
from export.run_folder import RunFolder
from export.run_variant import make_run_variant, require_pictures
from export.sources.keras_file import load_keras
from export.sources.tensorflow import keras_original
from export.variant_options import VariantOptions


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
    original = keras_original(load_keras(run.model), str(run.path))
    shrink = partial(make_run_variant, run, spec, options) if options else None
    return export_original(original, spec, held_out_pictures(run), output, tolerance, shrink)
