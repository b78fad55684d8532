"""What names a model: a path as it always was, a tag of BentoML's store where there is no such path."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from serving.stored_model import locate_model
from tests.conftest import Run

LOCATE = "import sys; from serving.stored_model import locate_model; print(locate_model(sys.argv[1]))"


@pytest.mark.parametrize("name", ["m.onnx", "C:\\m.onnx", "a folder/m:1.onnx", "Upper:1", ":", "x" * 5000, "x\0y", ""])
def test_what_is_no_tag_is_a_path_and_costs_no_import(name: str) -> None:
    assert locate_model(name) == Path(name)


def test_a_file_of_that_name_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lenet:latest").write_text("words")
    assert locate_model("lenet:latest") == Path("lenet:latest")


@pytest.mark.slow
def test_a_tag_leads_into_the_store(tiny_model: Path, tmp_path: Path, eyespot: Run) -> None:
    environment = os.environ | {"BENTOML_HOME": str(tmp_path / "bentoml")}
    assert eyespot("export", tiny_model, "--bento", env=environment).returncode == 0
    done = subprocess.run(
        [sys.executable, "-c", LOCATE, "tiny:latest"], env=environment, capture_output=True, text=True, check=True
    )
    assert Path(done.stdout.strip()).read_bytes() == tiny_model.read_bytes()
    unknown = eyespot("serve", "other:latest", env=environment)
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert unknown.stderr.startswith("eyespot: other:latest: there is no such file, and BentoML has no such model")
    assert len(unknown.stderr.splitlines()) == 1
