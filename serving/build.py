"""`eyespot serve MODEL... --build FOLDER`: all that `bentoml build` and `bentoml containerize` need, in one folder.

It exists because an image must hold the models, the settings and our own packages as they are here: the folder
needs no index that has them. BentoML makes the bento, the Dockerfile and the image.
"""

import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

import yaml  # type: ignore[import-untyped]  # it ships no types
from packaging.requirements import Requirement

from edge.errors import OutputError, UsageError
from serving.model_files import find_models
from serving.providers import CPU
from serving.settings import SETTINGS_FILE, Settings

PACKAGES = ("edge", "serving")
MODELS = "models"
REQUIREMENTS = "requirements.txt"
SERVICE = "serving.service:EyespotService"
# These belong to where a container runs, not to what it is.
OF_THE_PLACE = ("host", "port", "ssl_certfile", "ssl_keyfile", "api_keys_file", "api_keys")


def write_build(settings: Settings, folder: Path) -> None:
    """Write the folder. Raises UsageError if it is there, OutputError where it cannot be written."""
    if folder.exists():
        raise UsageError(f"{folder} exists already; choose another --build or remove it")
    given = [name for name in OF_THE_PLACE if getattr(settings, name) != getattr(Settings(), name)]
    if given:
        raise UsageError(f"{given[0]} is for the place where the image runs; leave it out, and set it there")
    models = find_models(settings.models)
    if len({path.name for path in models}) < len(models):
        raise UsageError("model files that go into one image must have different names")
    try:
        _write(settings, models, folder)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise OutputError(f"{folder}: the folder cannot be written ({error.strerror})") from None
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _write(settings: Settings, models: Sequence[Path], folder: Path) -> None:
    (folder / MODELS).mkdir(parents=True)
    for path in models:
        shutil.copyfile(path, folder / MODELS / path.name)
    home = Path(__file__).resolve().parent.parent
    for package in PACKAGES:
        shutil.copytree(home / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    ours = distribution("eyespot")
    # So that the version is known there as it is here.
    information = folder / f"eyespot-{ours.version}.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(ours.read_text("METADATA") or "", encoding="utf-8")
    bundled = replace(settings, models=tuple(f"{MODELS}/{path.name}" for path in models))
    (folder / SETTINGS_FILE).write_text(_settings_text(bundled), encoding="utf-8")
    extras = ("serving", "cpu" if settings.provider == CPU else "gpu")
    lines = [*requirements(ours.requires or [], extras)]
    (folder / REQUIREMENTS).write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "bentofile.yaml").write_text(_bentofile(information.name), encoding="utf-8")


def requirements(required: Sequence[str], extras: Sequence[str]) -> Iterator[str]:
    """Yield the packages of the base install and of `extras`, in the versions that are installed here if they are."""
    for text in required:
        requirement = Requirement(text)
        marker = requirement.marker
        if marker and not any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            continue
        requirement.marker = None
        try:
            name = f"{requirement.name}[{','.join(sorted(requirement.extras))}]" if requirement.extras else None
            yield f"{name or requirement.name}=={version(requirement.name)}"
        except PackageNotFoundError:
            yield str(requirement)


def _settings_text(settings: Settings) -> str:
    kept = {field.name for field in fields(Settings)} - set(OF_THE_PLACE)
    lines = (line for line in settings.to_toml().splitlines() if line.partition(" = ")[0] in kept)
    return "# Of this bento. Variables of the environment (EYESPOT_ and the name in capitals) win.\n" + "\n".join(lines)


def _bentofile(information: str) -> str:
    """Return the bentofile; the base image is a plain Python, since CUDA's libraries come with the wheels."""
    content = {
        "service": SERVICE,
        "description": "Image classification over HTTP, by eyespot.",
        "labels": {"made-by": "eyespot"},
        "include": [
            *(f"{package}/**" for package in (*PACKAGES, information)),
            f"{MODELS}/*.onnx",
            SETTINGS_FILE,
            REQUIREMENTS,
        ],
        "python": {"requirements_txt": REQUIREMENTS, "lock_packages": False},
        "docker": {"distro": "debian", "python_version": f"{sys.version_info.major}.{sys.version_info.minor}"},
        "envs": [{"name": "BENTOML_DO_NOT_TRACK", "value": "True"}],
    }
    text: str = yaml.safe_dump(content, sort_keys=False)
    return text
