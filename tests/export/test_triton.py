"""`export --triton`: the repository as Triton's own schema, published by NVIDIA, reads it."""

import errno
import os
import re
import shutil
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from google.protobuf import text_format

from edge.cli import main
from edge.errors import UsageError
from edge.steps import Resize, Scale
from export.publish import publish_to_triton
from export.quiet_tensorflow import start_tensorflow
from tests.edge.artifacts import restamped, written
from tests.export.card.artifacts import make_labels, photograph, write_model

with warnings.catch_warnings():
    # Generated for protobuf 6, which version 7 reads and says so.
    warnings.simplefilter("ignore")
    from tritonclient.grpc import model_config_pb2

STEPS = (Resize(8, 8, "antialias"), Scale(1 / 255))
TRITON_TYPES = {onnx.TensorProto.UINT8: model_config_pb2.TYPE_UINT8, onnx.TensorProto.FLOAT: model_config_pb2.TYPE_FP32}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "m.onnx", make_labels(5), STEPS, name="flowers")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return tmp_path / "models"


def config_of(folder: Path) -> "model_config_pb2.ModelConfig":
    return text_format.Parse((folder / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def publish_again(model: Path, repository: Path, **changes: object) -> tuple[Path, bool]:
    return publish_to_triton(written(model, restamped(model.read_bytes(), **changes)), repository)


def test_tritons_schema_reads_what_the_graph_says(
    model: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(model), "--triton", str(repository)]) == 0
    folder = repository / "flowers"
    assert capsys.readouterr().out == f"triton: {folder / '1' / 'model.onnx'}\n"
    assert files(repository) == {"flowers/config.pbtxt", "flowers/labels.txt", "flowers/1/model.onnx"}
    assert (folder / "1" / "model.onnx").read_bytes() == model.read_bytes()
    config = config_of(folder)
    assert (config.name, config.backend) == (folder.name, "onnxruntime")
    assert config.HasField("dynamic_batching")
    graph = onnx.load(model).graph
    for described, value in ((config.input, graph.input), (config.output, graph.output)):
        (tensor,), (there,) = described, value
        kind = there.type.tensor_type
        assert tensor.name == there.name
        assert tensor.data_type == TRITON_TYPES[kind.elem_type]
        # The first dimension is the batch, which Triton adds where max_batch_size is above zero.
        assert list(tensor.dims) == [d.dim_value or -1 for d in kind.shape.dim][1:]
    assert (folder / config.output[0].label_filename).read_text().splitlines() == list(make_labels(5))


def test_a_full_batch_of_one_size_is_answered_as_one_by_one(model: Path, repository: Path) -> None:
    path, _ = publish_to_triton(model, repository)
    size = config_of(path.parent.parent).max_batch_size
    assert size > 1
    batch = np.stack([photograph(20, 30, seed) for seed in range(size)])
    session = onnxruntime.InferenceSession(path)
    (together,) = session.run(["probabilities"], {"image": batch})
    one_by_one = [session.run(["probabilities"], {"image": image[None]})[0][0] for image in batch]
    np.testing.assert_allclose(together, one_by_one, rtol=0, atol=1e-6)


def test_other_content_is_the_next_version_and_the_same_is_none(model: Path, repository: Path) -> None:
    first = model.read_bytes()
    assert publish_to_triton(model, repository) == (repository / "flowers" / "1" / "model.onnx", True)
    assert publish_to_triton(model, repository) == (repository / "flowers" / "1" / "model.onnx", False)
    config = repository / "flowers" / "config.pbtxt"
    config.write_text(config.read_text() + "instance_group { count: 2 kind: KIND_CPU }\n")
    tuned = config.read_text()
    assert publish_again(model, repository, reject_threshold=0.5) == (repository / "flowers" / "2" / "model.onnx", True)
    shutil.rmtree(repository / "flowers" / "1")  # an old version may go
    assert publish_again(model, repository, reject_threshold=0.6) == (repository / "flowers" / "3" / "model.onnx", True)
    assert publish_again(model, repository, reject_threshold=0.6) == (
        repository / "flowers" / "3" / "model.onnx",
        False,
    )
    # Triton serves the newest, so that going back is a version of its own.
    assert publish_again(model, repository, reject_threshold=0.5) == (repository / "flowers" / "4" / "model.onnx", True)
    assert files(repository / "flowers") == {"config.pbtxt", "labels.txt"} | {f"{i}/model.onnx" for i in (2, 3, 4)}
    assert config.read_text() == tuned
    assert first not in {path.read_bytes() for path in repository.rglob("model.onnx")}


def test_labels_that_clients_rely_on_do_not_change(model: Path, repository: Path) -> None:
    publish_to_triton(model, repository)
    before = files(repository)
    with pytest.raises(UsageError, match="serves other labels"):
        publish_again(model, repository, labels=tuple("abcde"))
    assert files(repository) == before


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ("another model", "{} holds the model 'flowers?'; 'flowers' needs another repository"),
        ("no spec", "{} holds a model that eyespot cannot read ({}/1/model.onnx: this is not an ONNX model"),
        ("no model", "{} holds a model that eyespot cannot read ({}/1/model.onnx: there is no such model file"),
        ("no config", "{} exists and is no model that eyespot put there; choose another repository"),
        ("a file", "[Errno 20] Not a directory: '{}'"),
    ],
)
def test_what_somebody_else_put_there_stays(model: Path, repository: Path, there: str, said: str) -> None:
    folder = repository / "flowers"
    publish_to_triton(model, repository)
    if there == "another model":
        write_model(folder / "1" / "model.onnx", make_labels(5), STEPS, name="flowers?")
    elif there == "no spec":
        (folder / "1" / "model.onnx").write_bytes(b"words")
    elif there == "no model":
        (folder / "1" / "model.onnx").unlink()
    elif there == "no config":
        (folder / "config.pbtxt").unlink()
    else:
        shutil.rmtree(folder)
        folder.write_text("words")
    before = {path: path.read_bytes() for path in repository.rglob("*") if path.is_file()}
    error = NotADirectoryError if there == "a file" else UsageError
    with pytest.raises(error, match=re.escape(said.replace("{}", str(folder)))):
        publish_again(model, repository, reject_threshold=0.5)
    assert {path: path.read_bytes() for path in repository.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(("name", "folder"), [("..", None), ("my flowers & more", "my-flowers-more"), ("\u732b", None)])
def test_no_name_leads_out_of_the_repository(tmp_path: Path, repository: Path, name: str, folder: str | None) -> None:
    model = write_model(tmp_path / "m.onnx", make_labels(3), STEPS, name=name)
    if folder is None:
        with pytest.raises(UsageError, match="name must have a letter or digit"):
            publish_to_triton(model, repository)
        assert not repository.exists()
    else:
        path, _ = publish_to_triton(model, repository)
        assert path == repository / folder / "1" / "model.onnx"
        assert config_of(repository / folder).name == folder


@pytest.mark.parametrize("label", ["two\nlines", "two\rlines", "\udc80"])
def test_a_label_that_is_no_line_is_refused(tmp_path: Path, repository: Path, label: str) -> None:
    model = write_model(tmp_path / "m.onnx", (label, "b"), STEPS)
    with pytest.raises(UsageError, match="labels must be"):
        publish_to_triton(model, repository)
    assert not repository.exists()


def test_a_full_disk_leaves_nothing_behind(
    model: Path, repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(source: Path, target: Path) -> None:
        Path(target).write_bytes(Path(source).read_bytes()[:100])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfile", fail)
    assert main(["export", str(model), "--triton", str(repository)]) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"eyespot: {repository / 'flowers'}: {os.strerror(errno.ENOSPC)}\n")
    assert list(repository.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "is exported already"),
        (["--triton", "models", "--output", "x.onnx"], "--output"),
        (["--triton", "m.onnx"], "m.onnx is a file; --triton must name a folder"),
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
def test_the_export_of_a_run_goes_there_as_well(tmp_path: Path, repository: Path) -> None:
    start_tensorflow()
    from tests.export.brightness_run import make_run, write_pictures

    run = make_run(tmp_path / "brightness", write_pictures(tmp_path / "pictures"))
    assert main(["export", str(run), "--output", str(tmp_path / "b.onnx"), "--triton", str(repository)]) == 0
    assert files(repository) == {"brightness/config.pbtxt", "brightness/labels.txt", "brightness/1/model.onnx"}
    assert (repository / "brightness" / "1" / "model.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    assert (repository / "brightness" / "labels.txt").read_text() == "bright\ndark\n"
