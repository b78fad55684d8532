"""Put an artifact where other servers look for models: a repository of NVIDIA's Triton, or BentoML's model store.

    REPOSITORY/NAME/config.pbtxt, REPOSITORY/NAME/labels.txt, REPOSITORY/NAME/1/model.onnx

Triton's versions count up; what is there is never changed, as a server may be reading it. The format is that of
https://github.com/triton-inference-server/server/blob/main/docs/user_guide/model_configuration.md
"""

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from edge.errors import EyespotError, UsageError, explaining_imports
from edge.files import flush_to_disk
from edge.model import INPUT_NAME, OUTPUT_NAME, read_spec
from edge.spec import ModelSpec

# RGB of any height and width. Triton puts only requests of one shape into a batch, 32 photographs of which are 1.2 GB.
CONFIG = """# Written once by eyespot, for the onnxruntime backend; change what you like, it is not written again.
name: "{name}"
backend: "onnxruntime"
max_batch_size: 32
input [ {{ name: "{input}", data_type: TYPE_UINT8, dims: [ -1, -1, 3 ] }} ]
output [ {{ name: "{output}", data_type: TYPE_FP32, dims: [ {classes} ], label_filename: "labels.txt" }} ]
dynamic_batching {{ }}
"""
LONGEST_BENTO_NAME = 63  # BentoML's own limit


def require_targets(triton: Path | None, bento: bool) -> None:
    """Check what can be checked before an export takes minutes.

    Raises UsageError for a Triton repository that is no folder, MissingExtraError without BentoML.
    """
    if triton is not None and triton.exists() and not triton.is_dir():
        raise UsageError(f"{triton} is a file; --triton must name a folder")
    if bento:
        _import_bentoml()


def publish(model: Path, spec: ModelSpec, triton: Path | None, bento: bool) -> None:
    """Copy the artifact `model`, of this `spec`, to the Triton repository, BentoML's store, or both; print where."""
    if triton is not None:
        path, is_new = publish_to_triton(model, spec, triton)
        print(f"triton: {path}" if is_new else f"triton: {path} is the same already")
    if bento:
        tag, path, is_new = publish_to_bento(model, spec)
        print(f"bento: {tag} ({path})" if is_new else f"bento: {tag} is there already ({path})")


def publish_to_triton(model: Path, spec: ModelSpec, repository: Path) -> tuple[Path, bool]:
    """Copy the artifact `model` into `repository` as a new version; return where it is, and whether it is new.

    A model equal to the newest version is not copied. Raises UsageError where something else has that name in the
    repository, or a model of other labels, whose clients would misread the answers.
    """
    name = _published_name(spec.name)
    folder, labels = repository / name, "".join(f"{label}\n" for label in spec.labels)
    if re.search(r"[\r\ud800-\udfff]", labels) or labels.count("\n") != len(spec.labels):
        raise UsageError("labels must be one line of UTF-8 text each for Triton; one of them is not")
    if not folder.is_dir() or not any(folder.iterdir()):
        with creating_folder(folder) as new:
            config = CONFIG.format(name=name, input=INPUT_NAME, output=OUTPUT_NAME, classes=len(spec.labels))
            (new / "config.pbtxt").write_text(config, encoding="utf-8")
            (new / "labels.txt").write_text(labels, encoding="utf-8")
            (new / "1").mkdir()
            shutil.copyfile(model, new / "1" / "model.onnx")
        return folder / "1" / "model.onnx", True
    if not (folder / "config.pbtxt").is_file() or not (folder / "labels.txt").is_file():
        raise UsageError(f"{folder} exists and is no model that eyespot put there; choose another repository")
    if (folder / "labels.txt").read_text(encoding="utf-8", errors="replace") != labels:
        raise UsageError(f"{folder} serves other labels, which clients rely on; choose another repository")
    newest = max((int(path.name) for path in folder.iterdir() if path.name.isdecimal()), default=0)
    if newest:
        there = folder / str(newest) / "model.onnx"
        try:
            found = read_spec(there)
        except EyespotError as error:
            raise UsageError(f"{folder} holds a model that eyespot cannot read ({error}); remove it") from None
        if found.name != spec.name:
            raise UsageError(f"{folder} holds the model {found.name!r}; {spec.name!r} needs another repository")
        if found.version == spec.version:
            return there, False
    with creating_folder(folder / str(newest + 1)) as new:
        shutil.copyfile(model, new / "model.onnx")
    return folder / str(newest + 1) / "model.onnx", True


@contextmanager
def creating_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; when the block ends well, it becomes `path`, with all files on the disk.

    When the block raises, the temporary folder is removed. Only an empty folder is ever replaced: an OSError, which
    names `path`, says that it exists.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        temporary.mkdir()
        yield temporary
        for inner in (*sorted(temporary.rglob("*")), temporary):
            flush_to_disk(inner)
        temporary.rename(path)
        flush_to_disk(path.parent)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def publish_to_bento(model: Path, spec: ModelSpec) -> tuple[str, Path, bool]:
    """Copy the artifact `model` into the store; return its tag, where it is, and whether it is new.

    Raises UsageError where the store holds something else under the same tag.
    """
    bentoml = _import_bentoml()
    tag = f"{_published_name(spec.name).lower()[:LONGEST_BENTO_NAME].rstrip('-._')}:{spec.version}"
    found = [stored for stored in bentoml.models.list() if str(stored.tag) == tag]
    if not found:
        with bentoml.models.create(tag, labels={"made-by": "eyespot"}, metadata={"labels": list(spec.labels)}) as new:
            shutil.copyfile(model, new.path_of("model.onnx"))
    path = Path(bentoml.models.get(tag).path_of("model.onnx"))
    if not path.is_file() or path.read_bytes() != model.read_bytes():
        raise UsageError(f"BentoML's store holds something else as {tag}; remove it: bentoml models delete -y {tag}")
    return tag, path, not found


def _published_name(name: str) -> str:
    """Return `name` with a dash for all but letters, digits, dots, dashes and underscores, and none at its ends.

    So it never leads out of a folder. Raises UsageError if nothing is left of it.
    """
    taken = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")
    if not taken:
        raise UsageError(f"the model's name must have a letter or digit from A to Z, 0 to 9. Received: {name!r}")
    return taken


def _import_bentoml() -> ModuleType:
    """Return the bentoml module, which sends no usage statistics. Raises MissingExtraError, naming the extra."""
    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
    with explaining_imports("eyespot export --bento", "serving"):
        import bentoml
        import bentoml.models
    module: ModuleType = bentoml
    return module
