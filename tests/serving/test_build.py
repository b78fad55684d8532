"""What `bentoml build` gets: a folder that holds all; and the bento of it, built and served by BentoML itself."""

import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import httpx
import pytest
import yaml

from edge.model import read_spec
from eyespot.cli import main
from serving.build import SERVICE, requirements
from serving.settings import Settings
from tests.conftest import tiny_probabilities
from tests.serving.conftest import STOP_S, encode_png, started

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def required() -> list[str]:
    """What an installation of this project requires, in the form of its metadata."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].items()
    return [*project["dependencies"], *(f'{text} ; extra == "{extra}"' for extra, texts in extras for text in texts)]


@pytest.mark.parametrize(("kind", "runtime"), [("cpu", "onnxruntime"), ("gpu", "onnxruntime-gpu")])
def test_an_image_gets_the_runtime_of_its_kind_and_no_training(required: list[str], kind: str, runtime: str) -> None:
    found = list(requirements(required, ("serving", kind)))
    names = {line.partition("=")[0].partition(">")[0].partition("[")[0] for line in found}
    serving = {"bentoml", "fastapi", "pydantic", "starlette", "uvicorn", "uvloop", "h11", "python-multipart"}
    watching = {"prometheus_client", "python-json-logger", "pydantic-settings"}
    base = {"msgspec", "numpy", "onnx", "pillow", "protobuf", "tqdm", runtime}
    assert names == base | serving | watching
    assert f"numpy=={__import__('numpy').__version__}" in found
    if kind == "gpu":  # it is not installed beside the other one, so any version that is good enough is taken
        assert "onnxruntime-gpu[cuda,cudnn]>=1.20" in found


def test_the_folder_holds_models_settings_and_our_packages(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "build"
    options = ["--build", str(folder), "--provider", "cuda", "--max-batch", "8", "--host", "127.0.0.1"]
    assert main(["serve", str(tiny_model), *options]) == 0
    assert capsys.readouterr().out == (
        f"wrote {folder}, for cuda; go on in it with: bentoml build, then: bentoml containerize eyespot:latest\n"
    )
    assert (folder / "models" / tiny_model.name).read_bytes() == tiny_model.read_bytes()
    for package in ("edge", "serving"):
        ours = {p.relative_to(ROOT) for p in (ROOT / package).rglob("*") if p.is_file() and p.suffix != ".pyc"}
        assert {p.relative_to(folder) for p in (folder / package).rglob("*") if p.is_file()} == ours
    settings = tomllib.loads((folder / "eyespot-bento.toml").read_text())
    assert (settings["models"], settings["provider"]) == ([f"models/{tiny_model.name}"], "cuda")
    assert (settings["max_batch"], settings["max_waiting"]) == (8, Settings().max_waiting)
    assert not settings.keys() & {"host", "port", "api_keys", "api_keys_file", "ssl_keyfile"}
    bentofile = yaml.safe_load((folder / "bentofile.yaml").read_text())
    assert bentofile["service"] == SERVICE
    assert "onnxruntime-gpu" in (folder / "requirements.txt").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--port", "8080"], "port is for the place where the image runs; leave it out, and set it there"),
        (["--api-keys-file", "k.txt"], "api_keys_file is for the place where the image runs"),
    ],
)
def test_what_belongs_to_the_place_is_refused(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert main(["serve", str(tiny_model), "--build", str(tmp_path / "b"), *options]) == 2
    assert capsys.readouterr().err.startswith(f"eyespot: {said}")
    assert not (tmp_path / "b").exists()


def test_a_folder_that_is_there_is_left_alone(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", str(tiny_model), "--build", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"eyespot: {tmp_path} exists already; choose another --build or remove it\n"


def test_two_models_of_one_name_and_a_bad_model_are_refused(
    tiny_model: Path, tiny_content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(tiny_content[:99])
    assert main(["serve", str(bad), "--build", str(tmp_path / "b")]) == 2
    assert "cut short" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


@pytest.mark.slow
def test_bentoml_builds_and_serves_it(tiny_model: Path, tmp_path: Path) -> None:
    assert main(["serve", str(tiny_model), "--build", str(tmp_path / "build")]) == 0
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {
        "BENTOML_HOME": str(tmp_path / "home"),
        "BENTOML_DO_NOT_TRACK": "True",
    }
    bentoml = str(Path(sys.executable).with_name("bentoml"))
    built = subprocess.run(
        [bentoml, "build", "-o", "tag"],
        cwd=tmp_path / "build",
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    tag = built.stdout.strip().removeprefix("__tag__:")
    (bento,) = (tmp_path / "home" / "bentos" / "eyespot").glob("*/bento.yaml")
    dockerfile = (bento.parent / "env" / "docker" / "Dockerfile").read_text().splitlines()
    # What `bentoml containerize` gives to docker, which is not asked here: a user of its own, and our packages.
    assert f"FROM python:{sys.version_info.major}.{sys.version_info.minor}-slim AS base-container" in dockerfile
    assert "USER bentoml" in dockerfile
    asked = (bento.parent / "env" / "python" / "requirements.txt").read_text()
    assert set((tmp_path / "build" / "requirements.txt").read_text().split()) <= set(asked.split())
    with started(["bentoml", "serve", tag], tmp_path, tmp_path / "log.txt", environment) as (url, process):
        answer = httpx.post(f"{url}/v1/classify", content=encode_png(250)).json()
        assert answer["version"] == read_spec(tiny_model).version
        assert answer["predictions"][0]["probability"] == pytest.approx(tiny_probabilities(250).max(), abs=1e-6)
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_S) == 0


@pytest.mark.slow
def test_plain_bentoml_serves_what_the_environment_names(tiny_model: Path, tmp_path: Path) -> None:
    environment = os.environ | {"EYESPOT_MODELS": str(tiny_model), "BENTOML_DO_NOT_TRACK": "True"}
    environment |= {"BENTOML_HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path)}
    command = ["bentoml", "serve", SERVICE, "--working-dir", str(ROOT)]
    with started(command, tmp_path, tmp_path / "one.txt", environment) as (url, process):
        answer = httpx.post(f"{url}/v1/models/tiny/classify", content=encode_png(0)).json()
        assert answer["predictions"][0]["label"] == "dark"
        assert 'eyespot_best_label_total{label="dark",model="tiny"} 1.0' in httpx.get(f"{url}/metrics").text
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_S) == 0


@pytest.mark.slow
def test_plain_bentoml_ends_where_the_settings_are_wrong(tmp_path: Path) -> None:
    """An orchestrator sees a crash: it is not respawned until somebody ends it."""
    environment = os.environ | {"EYESPOT_MODELS": "/nowhere.onnx", "BENTOML_HOME": str(tmp_path / "home")}
    command = [str(Path(sys.executable).with_name("bentoml")), "serve", SERVICE, "--working-dir", str(ROOT)]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "eyespot: /nowhere.onnx" in done.stderr
