"""`export --triton` and `--bento`: read back with Triton's own schema, published by NVIDIA, and with BentoML itself."""

import errno
import json
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from google.protobuf import text_format
from PIL import Image

from edge.classifier import Classifier
from edge.errors import UsageError
from edge.model import read_spec
from edge.steps import Resize, Scale
from export.publish import creating_folder, publish_to_triton
from eyespot.cli import main
from tests.conftest import Run
from tests.edge.artifacts import restamped, written
from tests.export.card.artifacts import make_labels, photograph, write_model

with warnings.catch_warnings():
    # Generated for protobuf 6, which version 7 reads and says so.
    warnings.simplefilter("ignore")
    from tritonclient.grpc import model_config_pb2

STEPS = (Resize(8, 8, "antialias"), Scale(1 / 255))
TRITON_TYPES = {onnx.TensorProto.UINT8: model_config_pb2.TYPE_UINT8, onnx.TensorProto.FLOAT: model_config_pb2.TYPE_FP32}

# What a service does: ask the store by tag, load, classify.
READ_BACK = """
import json, sys
import bentoml, cv2
from edge import Classifier
stored = bentoml.models.get(sys.argv[1])
classifier = Classifier.load(stored.path_of("model.onnx"))
best = classifier.classify(sys.argv[2]).predictions[0]
print(json.dumps([str(stored.tag), stored.info.labels, stored.info.metadata, best.label, best.probability]))
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "m.onnx", make_labels(5), STEPS, name="flowers")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return tmp_path / "models"


def config_of(folder: Path) -> "model_config_pb2.ModelConfig":
    return text_format.Parse((folder / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def publish_again(model: Path, repository: Path, **changes: object) -> tuple[str, bool]:
    written(model, restamped(model.read_bytes(), **changes))
    path, is_new = publish_to_triton(model, read_spec(model), repository)
    assert (path.name, path.parent.parent) == ("model.onnx", repository / "flowers")
    return path.parent.name, is_new


def test_tritons_schema_reads_what_the_graph_says(
    model: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(model), "--triton", str(repository)]) == 0
    folder = repository / "flowers"
    assert capsys.readouterr().out == f"triton: {folder / '1' / 'model.onnx'}\n"
    assert contents(repository).keys() == {"flowers/config.pbtxt", "flowers/labels.txt", "flowers/1/model.onnx"}
    assert (folder / "1" / "model.onnx").read_bytes() == model.read_bytes()
    config = config_of(folder)
    assert (config.name, config.backend) == (folder.name, "onnxruntime")
    assert config.HasField("dynamic_batching")
    graph = onnx.load(model).graph
    for described, value in ((config.input, graph.input), (config.output, graph.output)):
        (tensor,), (there,) = described, value
        kind = there.type.tensor_type
        assert (tensor.name, tensor.data_type) == (there.name, TRITON_TYPES[kind.elem_type])
        # The first dimension is the batch, which Triton adds where max_batch_size is above zero.
        assert list(tensor.dims) == [d.dim_value or -1 for d in kind.shape.dim][1:]
    assert (folder / config.output[0].label_filename).read_text().splitlines() == list(make_labels(5))
    batch = np.stack([photograph(20, 30, seed) for seed in range(config.max_batch_size)])
    session = onnxruntime.InferenceSession(folder / "1" / "model.onnx")
    (together,) = session.run(["probabilities"], {"image": batch})
    one_by_one = [session.run(["probabilities"], {"image": image[None]})[0][0] for image in batch]
    np.testing.assert_allclose(together, one_by_one, rtol=0, atol=1e-6)


def test_other_content_is_the_next_version_and_the_same_is_none(model: Path, repository: Path) -> None:
    assert publish_again(model, repository) == ("1", True)
    assert publish_again(model, repository) == ("1", False)
    config = repository / "flowers" / "config.pbtxt"
    config.write_text(config.read_text() + "instance_group { count: 2 kind: KIND_CPU }\n")
    tuned = config.read_text()
    assert publish_again(model, repository, reject_threshold=0.5) == ("2", True)
    shutil.rmtree(repository / "flowers" / "1")  # an old version may be removed
    assert publish_again(model, repository, reject_threshold=0.6) == ("3", True)
    assert publish_again(model, repository, reject_threshold=0.6) == ("3", False)
    # Triton serves the newest, so going back is a new version.
    assert publish_again(model, repository, reject_threshold=0.5) == ("4", True)
    names = {"config.pbtxt", "labels.txt"} | {f"{i}/model.onnx" for i in (2, 3, 4)}
    assert contents(repository / "flowers").keys() == names
    assert config.read_text() == tuned


def replace_by_a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("words")


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: write_model(folder / "1" / "model.onnx", make_labels(5), STEPS, name="flowers?"),
        lambda folder: (folder / "1" / "model.onnx").write_bytes(b"words"),
        lambda folder: (folder / "1" / "model.onnx").unlink(),
        lambda folder: (folder / "config.pbtxt").unlink(),
        lambda folder: (folder / "labels.txt").write_text("a\nb\nc\nd\ne\n"),
        replace_by_a_file,
    ],
    ids=["another model", "no spec", "no model", "no config", "other labels", "a file"],
)
def test_what_somebody_else_put_there_stays(model: Path, repository: Path, change: Callable[[Path], object]) -> None:
    publish_to_triton(model, read_spec(model), repository)
    change(repository / "flowers")
    before = contents(repository)
    with pytest.raises((UsageError, NotADirectoryError), match=str(repository / "flowers")):
        publish_again(model, repository, reject_threshold=0.5)
    assert contents(repository) == before


@pytest.mark.parametrize(
    ("name", "labels"),
    [("..", "ab"), ("猫", "ab"), ("x", ("two\nlines", "b")), ("x", ("two\rlines", "b")), ("x", ("\udc80", "b"))],
)
def test_a_name_or_label_that_triton_cannot_hold_is_refused(
    tmp_path: Path, repository: Path, name: str, labels: tuple[str, ...]
) -> None:
    model = write_model(tmp_path / "m.onnx", tuple(labels), STEPS, name=name)
    with pytest.raises(UsageError):
        publish_to_triton(model, read_spec(model), repository)
    assert not repository.exists()


def test_a_name_is_made_that_of_a_folder(tmp_path: Path, repository: Path) -> None:
    model = write_model(tmp_path / "m.onnx", make_labels(3), STEPS, "my flowers & more")
    path, _ = publish_to_triton(model, read_spec(model), repository)
    assert path == repository / "my-flowers-more" / "1" / "model.onnx"
    assert config_of(repository / "my-flowers-more").name == "my-flowers-more"


def test_a_full_disk_leaves_nothing_behind(
    model: Path, repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(source: Path, target: Path) -> None:
        Path(target).write_bytes(Path(source).read_bytes()[:100])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfile", fail)
    assert main(["export", str(model), "--triton", str(repository)]) == 2
    assert os.strerror(errno.ENOSPC) in capsys.readouterr().err
    assert list(repository.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "is exported already"),
        (["--triton", "models", "--output", "x.onnx"], "--output"),
        (["--triton", "m.onnx"], "--triton must name a folder"),
        (["--triton", "models", "--int8"], "--int8"),
    ],
)
def test_a_wrong_call_is_one_line(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    monkeypatch.chdir(model.parent)
    assert main(["export", "m.onnx", *options]) == 2
    assert said in capsys.readouterr().err
    assert [path.name for path in model.parent.iterdir()] == ["m.onnx"]


@pytest.mark.slow
def test_what_bentoml_stores_is_read_back_and_classifies(tmp_path: Path, eyespot: Run) -> None:
    environment = os.environ | {"BENTOML_HOME": str(tmp_path / "bentoml"), "BENTOML_DO_NOT_TRACK": "True"}
    model = write_model(tmp_path / "m.onnx", make_labels(5), STEPS, name="My Flowers")
    tag = f"my-flowers:{read_spec(model).version}"
    first, again = (eyespot("export", model, "--bento", env=environment) for _ in range(2))
    (stored,) = (tmp_path / "bentoml").rglob("model.onnx")
    assert (first.returncode, first.stdout, first.stderr) == (0, f"bento: {tag} ({stored})\n", "")
    assert (again.returncode, again.stdout, again.stderr) == (0, f"bento: {tag} is there already ({stored})\n", "")
    assert stored.read_bytes() == model.read_bytes()
    Image.fromarray(photograph(20, 30, 4)).save(tmp_path / "p.png")
    command = [sys.executable, "-c", READ_BACK, "my-flowers:latest", str(tmp_path / "p.png")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    answer = Classifier.load(model).classify(tmp_path / "p.png").predictions[0]
    labels = {"labels": list(make_labels(5))}
    assert json.loads(done.stdout) == [tag, {"made-by": "eyespot"}, labels, answer.label, answer.probability]
    stored.write_bytes(b"words")
    damaged = eyespot("export", model, "--bento", env=environment)
    assert (damaged.returncode, damaged.stdout) == (2, "")
    assert f"bentoml models delete -y {tag}" in damaged.stderr


def test_without_bentoml_one_line_names_the_extra_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "bentoml", None)
    assert main(["export", str(tmp_path / "no-run"), "--bento"]) == 2
    assert "eyespot[serving]" in capsys.readouterr().err


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    folder = tmp_path / "parent" / "new"
    with creating_folder(folder) as temporary:
        (temporary / "inner").mkdir()
        (temporary / "inner" / "file").write_bytes(b"new")
        assert not folder.exists()
    assert (folder / "inner" / "file").read_bytes() == b"new"
    assert [path.name for path in folder.parent.iterdir()] == ["new"]


def test_a_folder_that_holds_something_is_not_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    with pytest.raises(OSError, match="new") as caught, creating_folder(folder) as temporary:  # noqa: PT012
        (temporary / "file").write_bytes(b"new")
        folder.mkdir()  # somebody else was faster
        (folder / "file").write_bytes(b"old")
    assert caught.value.filename == str(folder)
    assert (folder / "file").read_bytes() == b"old"
    assert [path.name for path in folder.parent.iterdir()] == ["new"]
