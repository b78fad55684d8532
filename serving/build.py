"""`eyespot serve MODEL... --build FOLDER`: what `bentoml build` and `bentoml containerize` need, in one folder.

It holds the models, the settings and our own packages as they are here, so no package index need have them. BentoML
makes the bento, the Dockerfile and the image.
"""

import json
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

from edge.arguments import DONE
from edge.errors import OutputError, UsageError
from serving.cli import check_models
from serving.inference.repository import find_models
from serving.settings import BUNDLED, SECRETS, Settings

PACKAGES = ("edge", "serving")
REQUIREMENTS = "requirements.txt"
SERVICE = "serving.service:EyespotService"
# These belong to where a container runs, not to what it is.
OF_THE_PLACE = ("host", "port", "ssl_certfile", "ssl_keyfile", "api_keys_file", *SECRETS)
REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?P<extras>\[[^]]*\])?")


def write_build(settings: Settings, folder: Path) -> int:
    """Write the folder, after loading the models as they would be served; a GPU need not be here.

    Raises UsageError if the folder exists or a setting belongs to the place where the image runs, OutputError where
    it cannot be written, and what loading the models raises.
    """
    if folder.exists():
        raise UsageError(f"{folder} exists already; choose another --build or remove it")
    for name in OF_THE_PLACE:
        if getattr(settings, name) != Settings.model_fields[name].default:
            raise UsageError(f"{name} is for the place where the image runs; leave it out, and set it there")
    models = find_models(settings.models)
    if len({path.name for path in models}) < len(models):
        raise UsageError("model files that go into one image must have different names")
    provider = "cpu" if settings.provider == "auto" else settings.provider
    check_models(settings.model_copy(update={"provider": "cpu"}))
    inside = tuple(f"models/{path.name}" for path in models)
    try:
        _write(settings.model_copy(update={"provider": provider, "models": inside}), models, folder)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise OutputError(f"{folder}: the folder cannot be written ({error.strerror})") from None
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    steps = "bentoml build, then: bentoml containerize eyespot:latest"
    print(f"wrote {folder}, for {provider}; go on in it with: {steps}")
    return DONE


def _write(settings: Settings, models: Sequence[Path], folder: Path) -> None:
    (folder / "models").mkdir(parents=True)
    for path in models:
        shutil.copyfile(path, folder / "models" / path.name)
    home = Path(__file__).resolve().parent.parent
    for package in PACKAGES:
        shutil.copytree(home / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    ours = distribution("eyespot")
    # So that the version is known there as it is here.
    information = folder / f"eyespot-{ours.version}.dist-info"
    information.mkdir()
    named = f"Metadata-Version: 2.1\nName: eyespot\nVersion: {ours.version}\n"
    (information / "METADATA").write_text(named, encoding="utf-8")
    lines = ["# Of this bento. Variables of the environment (EYESPOT_ and the name in capitals) win."]
    lines += [line for line in settings.to_toml().splitlines() if line.partition(" = ")[0] not in OF_THE_PLACE]
    (folder / BUNDLED.name).write_text("\n".join(lines), encoding="utf-8")
    extras = ("serving", "cpu" if settings.provider == "cpu" else "gpu")
    (folder / REQUIREMENTS).write_text("\n".join(requirements(ours.requires or [], extras)) + "\n", encoding="utf-8")
    bentofile = {
        "service": SERVICE,
        "description": "Image classification over HTTP, by eyespot.",
        "labels": {"made-by": "eyespot"},
        "include": [
            *(f"{name}/**" for name in (*PACKAGES, information.name)),
            *("models/*.onnx", BUNDLED.name, REQUIREMENTS),
        ],
        "python": {"requirements_txt": REQUIREMENTS, "lock_packages": False},
        # A plain Python, since CUDA's libraries come with the wheels.
        "docker": {"distro": "debian", "python_version": f"{sys.version_info.major}.{sys.version_info.minor}"},
        "envs": [{"name": "BENTOML_DO_NOT_TRACK", "value": "True"}],
    }
    (folder / "bentofile.yaml").write_text(json.dumps(bentofile, indent=2), encoding="utf-8")  # JSON is YAML


def requirements(required: Sequence[str], extras: Sequence[str]) -> Iterator[str]:
    """Yield the packages of the base install and of `extras`, in the versions that are installed here if they are."""
    markers = {"", *(f'extra == "{extra}"' for extra in extras)}
    for text in required:
        requirement, _, marker = text.partition(";")
        found = REQUIREMENT.match(requirement)
        if found is None or marker.strip().replace("'", '"') not in markers:
            continue
        try:
            yield f"{found['name']}{found['extras'] or ''}=={version(found['name'])}"
        except PackageNotFoundError:
            yield requirement.strip()
