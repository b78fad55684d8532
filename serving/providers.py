"""Execution providers: what was asked for is what runs, or a line says why not.

It exists because onnxruntime brings a session up on the CPU, with no more than a line in a log, where CUDA was
asked for and one of its libraries is missing.
"""

import ctypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.errors import InstallationError, ModelError, reason_of
from edge.runtime import LOG_ERRORS_ONLY, PROBE_MODEL, import_onnxruntime

AUTO = "auto"
CPU = "cpu"
# The name in onnxruntime, and the library that it loads when such a session is made.
EXECUTION_PROVIDERS = {
    CPU: "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
# TensorRT takes minutes to build its engines, so it must be asked for.
AUTO_ORDER = ("cuda",)
SHARED_LIBRARY = "libonnxruntime_providers_shared.so"


@dataclass(frozen=True)
class Choice:
    """The provider that runs, and for `auto` the reasons why better ones do not."""

    provider: str
    passed_over: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "; ".join((self.provider, *self.passed_over))


def choose_provider(wanted: str) -> Choice:
    """Return the provider that runs here. Raises InstallationError if `wanted` is one that does not load."""
    if wanted == CPU:
        return Choice(CPU)
    if wanted != AUTO:
        if reason := why_not(wanted):
            raise InstallationError(f"the provider {wanted!r} does not load here: {reason}")
        return Choice(wanted)
    reasons = {provider: why_not(provider) for provider in AUTO_ORDER}
    found = next((provider for provider, reason in reasons.items() if reason is None), CPU)
    return Choice(found, tuple(f"{provider}: {reason}" for provider, reason in reasons.items() if reason))


def why_not(provider: str) -> str | None:
    """Return why `provider` does not run here, in one line, or None if a small model just ran on it."""
    onnxruntime = import_onnxruntime()
    name = EXECUTION_PROVIDERS[provider]
    if name not in (built := onnxruntime.get_available_providers()):
        return f"onnxruntime {onnxruntime.__version__} is built for {', '.join(built)} only; install eyespot[gpu]"
    if hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()
    try:
        create_provider_session(PROBE_MODEL, provider, provider, 1)
    except (InstallationError, ModelError) as error:
        return _missing_library(onnxruntime, provider) or str(error)
    return None


def create_provider_session(model: bytes, name: str, provider: str, threads: int, varying: bool = False) -> Any:
    """Return a session on `provider` and on no other; `name` stands in messages.

    `threads` work on one run without spinning, since other sessions want the cores as well. `varying` says
    that every input has another shape. Raises InstallationError if another provider came up, ModelError for the model.
    """
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = LOG_ERRORS_ONLY
    options.intra_op_num_threads = threads
    options.enable_mem_pattern = not varying
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    wanted = EXECUTION_PROVIDERS[provider]
    names = list(dict.fromkeys((wanted, EXECUTION_PROVIDERS[CPU])))  # operations that the first does not know
    try:
        session = onnxruntime.InferenceSession(model, options, providers=names, enable_fallback=0)
    except Exception as error:  # noqa: BLE001 # onnxruntime's own exceptions share no base class but this one
        reason = reason_of(error)
        raise ModelError(f"{name}: onnxruntime {onnxruntime.__version__} cannot load this model ({reason})") from None
    if (found := session.get_providers()[0]) != wanted:
        raise InstallationError(f"{name}: {wanted} was asked for and {found} came up")
    return session


def _missing_library(onnxruntime: Any, provider: str) -> str | None:
    """Return the linker's own words for what is missing, which onnxruntime only writes into its log."""
    folder = Path(onnxruntime.__file__).parent / "capi"
    try:
        ctypes.CDLL(str(folder / SHARED_LIBRARY), mode=ctypes.RTLD_GLOBAL)
        ctypes.CDLL(str(folder / f"libonnxruntime_providers_{provider}.so"))
    except OSError as error:
        return str(error)
    return None
