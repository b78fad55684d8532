"""Show what this machine has and what it lacks: versions, runtimes, providers that really load, extras.

A provider that onnxruntime lists need not load, and falls back to the CPU without an error; so each is tried.
Exit status: 0 if models can run here, 2 if not.
"""

import argparse
import platform
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, requires, version
from types import ModuleType

from edge.arguments import DONE, NOTHING_DONE
from edge.errors import InstallationError, reason_of
from edge.runtime import LOG_ERRORS_ONLY, PROBE_MODEL, import_onnxruntime, read_cpu, usable_cores

# Instruction sets that decide which kernels onnxruntime picks.
X86_FEATURES = (
    *("sse4_2", "avx", "avx2", "fma", "f16c", "avx_vnni"),
    *("avx512f", "avx512bw", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_int8", "amx_bf16"),
)
ARM_FEATURES = ("asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2", "sme")

# It calls a service elsewhere; the plain wheels list it.
REMOTE_PROVIDER = "AzureExecutionProvider"
# A requirement of an extra in the metadata of a package: 'eyespot[export]; extra == "training"'.
REQUIREMENT = re.compile(
    r"""(?P<package>[\w.-]+)(?:\[(?P<nested>[\w-]+)[^]]*\])?.*extra\s*==\s*["'](?P<extra>[\w-]+)["']"""
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare nothing: `eyespot doctor` takes no arguments."""


def run(arguments: argparse.Namespace) -> int:  # noqa: ARG001
    """Print what is found and return the exit status."""
    problems, providers = [], list[tuple[str, str]]()
    installed = {module: sorted(set(names)) for module, names in packages_distributions().items()}
    opencvs, runtimes = installed.get("cv2", []), installed.get("onnxruntime", ["onnxruntime"])
    for names, remedy in ((opencvs, "opencv-python-headless"), (runtimes, "one of eyespot[cpu] and eyespot[gpu]")):
        if len(names) > 1:
            remedy = f"run 'pip uninstall -y {' '.join(names)}', then install {remedy}"
            problems.append(f"{' and '.join(names)} are both installed and overwrite each other; {remedy}")
    try:
        providers = list(probe_providers(import_onnxruntime())) if len(runtimes) == 1 else []
    except InstallationError as error:
        problems.append(str(error))
    cpu, features = read_cpu()
    rows = [
        ("eyespot", find_version("eyespot") or "not installed as a package"),
        ("python", f"{platform.python_version()} on {platform.platform()}"),
        ("processor", f"{cpu}, {usable_cores()} cores"),
        ("features", " ".join(f for f in X86_FEATURES + ARM_FEATURES if f in features) or "none known"),
        *((name, find_version(name) or "not installed") for name in ("numpy", "pillow", "msgspec", "tqdm")),
        *((name, find_version(name) or "not installed") for name in (*opencvs, *runtimes)),
        *providers,
        *missing_packages(),
        *(("problem", problem) for problem in problems or ["none"]),
    ]
    width = max(len(name) for name, _ in rows)
    print("\n".join(f"{name:<{width}}   {value}" for name, value in rows))
    return NOTHING_DONE if problems else DONE


def find_version(distribution: str) -> str | None:
    """Return the version of an installed distribution, or None."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def probe_providers(onnxruntime: ModuleType) -> Iterator[tuple[str, str]]:
    """Yield each provider that onnxruntime was built with, and whether it runs a model."""
    names = onnxruntime.get_available_providers()
    if hasattr(onnxruntime, "preload_dlls") and "CUDAExecutionProvider" in names:
        onnxruntime.preload_dlls()
    for name in names:
        if name == REMOTE_PROVIDER:
            continue
        options = onnxruntime.SessionOptions()
        options.log_severity_level = LOG_ERRORS_ONLY + 1
        if name != "CPUExecutionProvider":
            options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        try:
            took = onnxruntime.InferenceSession(PROBE_MODEL, options, providers=[name]).get_providers()[0]
            reason = "" if took == name else f"fell back to {took}"
        except Exception as error:  # noqa: BLE001 # onnxruntime's exceptions share no other base class
            reason = reason_of(error)
        yield name, f"does not work here: {reason}" if reason else "works"


def missing_packages() -> Iterator[tuple[str, str]]:
    """Yield each extra that eyespot declares, but `dev`, and the packages that it would add here."""
    try:
        declared = [match for text in requires("eyespot") or [] if (match := REQUIREMENT.match(text))]
    except PackageNotFoundError:
        return

    def packages(extra: str) -> Iterator[str]:
        for match in declared:
            if match["extra"] == extra:
                yield from packages(match["nested"]) if match["package"] == "eyespot" else [match["package"]]

    for name in sorted({match["extra"] for match in declared} - {"dev"}):
        missing = ", ".join(package for package in packages(name) if not find_version(package))
        yield f"eyespot[{name}]", f"would add {missing}" if missing else "complete"
