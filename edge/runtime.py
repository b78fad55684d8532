"""Find onnxruntime and make sessions with it.

It exists because there are several onnxruntime packages that overwrite each other's files, and because a
session can come up on another execution provider than the one that was asked for without saying so.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

from edge.errors import InstallationError, ModelError, reason_of

# Distributions that all install the import name onnxruntime.
DISTRIBUTIONS = re.compile(
    r"(onnxruntime(?:_(?:gpu|directml|openvino|training|qnn|rocm|migraphx|azure|webgpu|cann))?)-\d.*\.dist-info",
)
LOG_ERRORS_ONLY = 3


def import_onnxruntime() -> ModuleType:
    """Return the onnxruntime module. Raises InstallationError if there is none, or more than one on top of another."""
    try:
        import onnxruntime
    except ImportError as error:
        raise InstallationError(
            f"onnxruntime cannot be imported ({error}); install eyespot[cpu], or eyespot[gpu] for NVIDIA"
        ) from None
    if onnxruntime.__file__ is None:
        raise InstallationError(
            "the folder onnxruntime holds no onnxruntime; install eyespot[cpu], or eyespot[gpu] for NVIDIA"
        )
    if len(found := installed_runtimes(onnxruntime)) > 1:
        raise InstallationError(
            f"{' and '.join(found)} are both installed and overwrite each other; "
            f"run 'pip uninstall -y {' '.join(found)}', then install one of eyespot[cpu] and eyespot[gpu]"
        )
    module: ModuleType = onnxruntime
    return module


def installed_runtimes(onnxruntime: ModuleType) -> list[str]:
    """Return the names of the distributions that share the folder of the module, sorted.

    The folder is listed, which takes less than a millisecond; importlib.metadata would add 40 to every start.
    """
    if onnxruntime.__file__ is None:
        return []
    names = (entry.name for entry in Path(onnxruntime.__file__).parent.parent.iterdir())
    return sorted(match[1].replace("_", "-") for name in names if (match := DISTRIBUTIONS.fullmatch(name)))


def create_session(
    model: Path | bytes,
    name: str,
    threads: int = 0,
    *,
    spinning: bool = True,
    sizes: Mapping[str, int] = MappingProxyType({}),
) -> Any:
    """Return an onnxruntime session on the CPU for a model file or its bytes; `name` stands in messages.

    `threads` work on one image; 0 lets onnxruntime choose, 1 is for callers that run many sessions at once. While
    they wait for each other they keep their cores busy, which is sooner, unless `spinning` is off. `sizes` says how
    long free dimensions always are, by their names in the model.

    Raises InstallationError if there is no usable onnxruntime, ModelError if it refuses the model.
    """
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = LOG_ERRORS_ONLY
    options.intra_op_num_threads = threads
    if not spinning:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    for dimension, length in sizes.items():
        options.add_free_dimension_override_by_name(dimension, length)
    try:
        source = model if isinstance(model, bytes) else str(model)
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 # onnxruntime's own exceptions share no base class but this one
        reason = reason_of(error)
        raise ModelError(f"{name}: onnxruntime {onnxruntime.__version__} cannot load this model ({reason})") from None
