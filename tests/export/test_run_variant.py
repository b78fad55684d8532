"""`eyespot export --int8` and `--fp16` on a real training: accuracy, certificate, the same bytes, refusals."""

import shutil
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from edge.arguments import DONE, NOTHING_DONE
from edge.model import read_spec
from edge.runtime import create_session
from eyespot.cli import main
from tests.conftest import Run


@pytest.fixture(scope="module")
def int8_model(lenet_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("int8") / "m.onnx"
    assert main(["export", str(lenet_run), "--int8", "--for", "x86", "--output", str(path)]) == DONE
    return path


def held_out(run: Path) -> tuple[np.ndarray, list[str]]:
    with zipfile.ZipFile(run / "evaluation.zip") as archive:
        entries = archive.infolist()
        pictures = [np.asarray(Image.open(BytesIO(archive.read(entry))).convert("RGB")) for entry in entries]
    return np.stack(pictures), [entry.comment.decode() for entry in entries]


def test_the_certificate_says_what_the_file_does(int8_model: Path, lenet_run: Path, lenet_model: Path) -> None:
    spec, pictures_labels = read_spec(int8_model), held_out(lenet_run)
    pictures, labels = pictures_labels
    small, exact = (
        create_session(path, "test").run(["probabilities"], {"image": pictures})[0]
        for path in (int8_model, lenet_model)
    )
    right = np.array([spec.labels[i] for i in small.argmax(axis=1)]) == labels
    variant, parity = spec.variant, spec.parity
    assert variant is not None
    assert parity == read_spec(lenet_model).parity
    assert (variant.kind, variant.images, variant.accuracy) == ("int8", len(labels), right.mean())
    assert variant.float32_accuracy == (np.array([spec.labels[i] for i in exact.argmax(axis=1)]) == labels).mean()
    assert variant.top1_agreement == (small.argmax(axis=1) == exact.argmax(axis=1)).mean()
    # The held-out pictures went through in batches of another size; whole numbers do not mind, softmax may.
    assert variant.largest_difference == pytest.approx(np.abs(small - exact).max(), abs=1e-5)
    assert variant.drop_points <= variant.max_drop_points == 0.5


def test_the_file_is_a_quarter_and_standard(int8_model: Path, lenet_model: Path) -> None:
    model = onnx.load(int8_model)
    onnx.checker.check_model(model, full_check=True)
    assert {opset.domain for opset in model.opset_import} == {""}
    assert int8_model.stat().st_size < 0.27 * lenet_model.stat().st_size
    before = next(i for i, node in enumerate(model.graph.node) if "network_input" in node.output)
    assert not {node.op_type for node in model.graph.node[:before]} & {"QuantizeLinear", "DequantizeLinear"}


def test_another_process_writes_the_same_file(int8_model: Path, lenet_run: Path, tmp_path: Path, eyespot: Run) -> None:
    done = eyespot("export", lenet_run, "--int8", "--for", "x86", "--output", tmp_path / "again.onnx")
    assert (done.returncode, done.stderr) == (DONE, "")
    assert "int8: " in done.stdout.splitlines()[2]
    for command, said in (
        ("verify", "passed"),
        ("info", "int8 (U8S8, 7-bit weights per channel, QDQ, minmax calibration)"),
    ):
        assert said in eyespot(command, int8_model).stdout
    assert (tmp_path / "again.onnx").read_bytes() == int8_model.read_bytes()


def test_half_precision_is_half_the_size_and_leaves_the_float32_file_alone(
    lenet_run: Path, lenet_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    whole = tmp_path / f"{lenet_run.name}.onnx"
    whole.write_bytes(b"what was exported before")
    assert main(["export", str(lenet_run), "--fp16", "--max-drop", "0"]) == DONE
    path = tmp_path / f"{lenet_run.name}-fp16.onnx"
    assert whole.read_bytes() == b"what was exported before"
    variant = read_spec(path).variant
    assert variant is not None
    assert (variant.kind, variant.drop_points, variant.top1_agreement) == ("fp16", 0, 1)
    assert path.stat().st_size < 0.52 * lenet_model.stat().st_size


def test_a_run_without_calibration_pictures_is_one_line(
    lenet_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(lenet_run, tmp_path / "run"))
    (run / "calibration.zip").unlink()
    assert main(["export", str(run), "--int8", "--output", str(tmp_path / "m.onnx")]) == NOTHING_DONE
    (line,) = capsys.readouterr().err.splitlines()
    assert "has no calibration.zip; train it again" in line
    assert not (tmp_path / "m.onnx").exists()
