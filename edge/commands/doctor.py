"""Show what this machine has and what it lacks: versions, runtimes, providers that really load, extras.

A provider that is listed need not load, and a session that falls back to the CPU says so nowhere; so each is tried.
Exit status: 0 if models can run here, 2 if not.
"""

import argparse
import json
import platform
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from types import ModuleType

from edge.cli import DONE, NOTHING_DONE
from edge.errors import InstallationError, reason_of
from edge.runtime import (
    LOG_ERRORS_ONLY,
    PROBE_MODEL,
    import_onnxruntime,
    installed_runtimes,
    read_cpu,
    usable_cores,
)

# It calls a service elsewhere and has no kernels; the plain wheels list it all the same.
REMOTE_PROVIDER = "AzureExecutionProvider"

# A requirement of an extra in the metadata of a package: 'eyespot[export]; extra == "training"'.
REQUIREMENT = re.compile(
    r"""(?P<package>[\w.-]+)(?:\[(?P<nested>[\w-]+)[^]]*\])?.*extra\s*==\s*["'](?P<extra>[\w-]+)["']"""
)

OPENCV_DISTRIBUTIONS = (
    "opencv-python-headless",
    "opencv-python",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)


BASE_DISTRIBUTIONS = ("numpy", "pillow", "msgspec", "tqdm")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot doctor` takes."""
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Print the inventory and return the exit status."""
    inventory = take_inventory()
    if arguments.json:
        print(json.dumps(asdict(inventory), indent=2))
    else:
        rows = list(inventory_rows(inventory))
        width = max(len(name) for name, _ in rows)
        print("\n".join(f"{name:<{width}}   {value}" for name, value in rows))
    return NOTHING_DONE if inventory.problems else DONE


def inventory_rows(inventory: "Inventory") -> Iterator[tuple[str, str]]:
    """Yield the inventory as names and values for a person."""
    yield "eyespot", inventory.eyespot or "not installed as a package"
    yield "python", f"{inventory.python} on {inventory.platform}"
    yield "processor", f"{inventory.cpu}, {inventory.cores} cores"
    yield "features", " ".join(inventory.cpu_features) or "none known"
    for name, found in inventory.packages.items():
        yield name, found or "not installed"
    for probe in inventory.providers:
        yield probe.name, "works" if probe.works else f"does not work here: {probe.reason}"
    for extra in inventory.extras:
        yield f"eyespot[{extra.name}]", f"would add {', '.join(extra.missing)}" if extra.missing else "complete"
    for problem in inventory.problems or ("none",):
        yield "problem", problem


@dataclass(frozen=True)
class ProviderProbe:
    """Whether one execution provider ran a model on this machine, or the reason why not."""

    name: str
    works: bool
    reason: str


@dataclass(frozen=True)
class Extra:
    """One optional extra of eyespot: the packages that it would install, and which of them are here."""

    name: str
    packages: dict[str, str | None]

    @property
    def missing(self) -> list[str]:
        """The packages that are not installed."""
        return [name for name, found in self.packages.items() if not found]


@dataclass(frozen=True)
class Inventory:
    """All of it. `problems` are what stops models from running here."""

    eyespot: str | None
    python: str
    platform: str
    cores: int
    cpu: str
    cpu_features: tuple[str, ...]
    packages: dict[str, str | None]
    providers: tuple[ProviderProbe, ...]
    extras: tuple[Extra, ...]
    problems: tuple[str, ...]


def take_inventory() -> Inventory:
    """Return what this machine has. Takes a second or two: every provider is tried."""
    problems = []
    providers: tuple[ProviderProbe, ...] = ()
    runtimes: list[str] = []
    try:
        onnxruntime = import_onnxruntime()
        runtimes = installed_runtimes(onnxruntime)
        providers = tuple(probe_providers(onnxruntime))
    except InstallationError as error:
        problems.append(str(error))
    opencvs = [name for name in OPENCV_DISTRIBUTIONS if find_version(name)]
    if len(opencvs) > 1:
        problems.append(
            f"{' and '.join(opencvs)} are both installed and overwrite each other; "
            f"run 'pip uninstall -y {' '.join(opencvs)}', then 'pip install opencv-python-headless'"
        )
    cpu, features = read_cpu()
    return Inventory(
        eyespot=find_version("eyespot"),
        python=platform.python_version(),
        platform=platform.platform(),
        cores=usable_cores(),
        cpu=cpu,
        cpu_features=features,
        packages={name: find_version(name) for name in (*BASE_DISTRIBUTIONS, *opencvs, *(runtimes or ["onnxruntime"]))},
        providers=providers,
        extras=tuple(list_extras()),
        problems=tuple(problems),
    )


def find_version(distribution: str) -> str | None:
    """Return the version of an installed distribution, or None."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def probe_providers(onnxruntime: ModuleType) -> Iterator[ProviderProbe]:
    """Yield for each provider that onnxruntime was built with whether it runs a model by itself."""
    if hasattr(onnxruntime, "preload_dlls") and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        onnxruntime.preload_dlls()
    for name in onnxruntime.get_available_providers():
        if name == REMOTE_PROVIDER:
            continue
        options = onnxruntime.SessionOptions()
        options.log_severity_level = LOG_ERRORS_ONLY + 1
        if name != "CPUExecutionProvider":
            options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        try:
            session = onnxruntime.InferenceSession(PROBE_MODEL, options, providers=[name])
        except Exception as error:  # noqa: BLE001 # onnxruntime's own exceptions share no base class but this one
            yield ProviderProbe(name, False, reason_of(error))
            continue
        took = session.get_providers()[0]
        yield ProviderProbe(name, took == name, "" if took == name else f"fell back to {took}")


def list_extras() -> Iterator[Extra]:
    """Yield the extras that the installed eyespot declares, those that developers need left out, by name."""
    try:
        declared = [match for text in requires("eyespot") or [] if (match := REQUIREMENT.match(text))]
    except PackageNotFoundError:
        return
    direct: dict[str, list[re.Match[str]]] = {}
    for match in declared:
        direct.setdefault(match["extra"], []).append(match)

    def packages(extra: str) -> Iterator[str]:
        for match in direct.get(extra, []):
            if match["package"] == "eyespot":
                yield from packages(match["nested"])
            else:
                yield match["package"]

    for name in sorted(direct.keys() - {"dev"}):
        yield Extra(name, {package: find_version(package) for package in packages(name)})
