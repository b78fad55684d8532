"""Put an artifact into a model repository of NVIDIA's Triton inference server, for its onnxruntime backend.

    REPOSITORY/NAME/config.pbtxt, REPOSITORY/NAME/labels.txt, REPOSITORY/NAME/1/model.onnx

Versions count up; what is there is never changed, as a server may be reading it. The format is that of
https://github.com/triton-inference-server/server/blob/main/docs/user_guide/model_configuration.md
"""

import shutil
from pathlib import Path

from edge.errors import ModelError, ModelNotFoundError, UsageError
from edge.files import creating_folder
from edge.model import INPUT_NAME, OUTPUT_NAME, read_spec
from edge.spec import ModelSpec
from export.published_name import published_name

CONFIG_FILE, LABELS_FILE, MODEL_FILE = "config.pbtxt", "labels.txt", "model.onnx"

# 32 photographs of 12 megapixels are 1.2 GB.
MAX_BATCH_SIZE = 32

CONFIG = """# Written once by eyespot, for the onnxruntime backend; change what you like, it is not written again.
name: "{name}"
backend: "onnxruntime"
max_batch_size: {batch}
input [
  {{
    # RGB of any height and width. Triton puts only requests of one shape into a batch, so pictures of
    # different sizes are answered one by one: clients that send one size gain most.
    name: "{input}"
    data_type: TYPE_UINT8
    dims: [ -1, -1, 3 ]
  }}
]
output [
  {{
    name: "{output}"
    data_type: TYPE_FP32
    dims: [ {classes} ]
    label_filename: "{labels}"
  }}
]
dynamic_batching {{ }}
"""


def publish_to_triton(model: Path, repository: Path) -> tuple[Path, bool]:
    """Copy the artifact `model` into `repository` as a new version; return where it is, and whether it is new.

    What Triton serves already, the newest version, is not put there again. Raises ModelError for the artifact;
    UsageError where something else has that name in the repository, or a model of other labels, whose clients would
    misread the answers.
    """
    spec = read_spec(model)
    name = published_name(spec.name)
    folder = repository / name
    labels = labels_text(spec)
    if not folder.is_dir() or not any(folder.iterdir()):
        with creating_folder(folder) as temporary:
            (temporary / CONFIG_FILE).write_text(config_text(spec, name), encoding="utf-8")
            (temporary / LABELS_FILE).write_text(labels, encoding="utf-8")
            (temporary / "1").mkdir()
            shutil.copyfile(model, temporary / "1" / MODEL_FILE)
        return folder / "1" / MODEL_FILE, True
    versions = _read_versions(folder, spec, labels)
    newest = max(versions, default=0)
    if newest and versions[newest] == spec.version:
        return folder / str(newest) / MODEL_FILE, False
    target = folder / str(newest + 1)
    with creating_folder(target) as temporary:
        shutil.copyfile(model, temporary / MODEL_FILE)
    return target / MODEL_FILE, True


def config_text(spec: ModelSpec, name: str) -> str:
    """Return the configuration of the model, as protobuf text; the dimension of the batch is implied in it."""
    return CONFIG.format(
        name=name,
        batch=MAX_BATCH_SIZE,
        input=INPUT_NAME,
        output=OUTPUT_NAME,
        classes=len(spec.labels),
        labels=LABELS_FILE,
    )


def labels_text(spec: ModelSpec) -> str:
    """Return the labels, one a line. Raises UsageError for a label that is no single line of UTF-8 text."""
    text = "".join(f"{label}\n" for label in spec.labels)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"labels must be UTF-8 text for Triton ({error})") from None
    if "\r" in text or text.count("\n") != len(spec.labels):
        raise UsageError("labels must be one line of text each for Triton; one of them has a line break")
    return text


def _read_versions(folder: Path, spec: ModelSpec, labels: str) -> dict[int, str | None]:
    """Return the artifact version behind each number in `folder`, which must be another export of the same model."""
    found: dict[int, str | None] = {}
    for path in folder.iterdir():
        if path.name.isdecimal() and path.is_dir():
            try:
                there = read_spec(path / MODEL_FILE)
            except (ModelError, ModelNotFoundError) as error:
                raise UsageError(f"{folder} holds a model that eyespot cannot read ({error}); remove it") from None
            if there.name != spec.name:
                raise UsageError(f"{folder} holds the model {there.name!r}; {spec.name!r} needs another repository")
            found[int(path.name)] = there.version
    labels_file = folder / LABELS_FILE
    if not (folder / CONFIG_FILE).is_file() or not labels_file.is_file():
        raise UsageError(f"{folder} exists and is no model that eyespot put there; choose another repository")
    if labels_file.read_text(encoding="utf-8", errors="replace") != labels:
        raise UsageError(f"{folder} serves other labels, which clients rely on; choose another repository")
    return found
