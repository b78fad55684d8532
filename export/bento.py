"""Put an artifact into BentoML's model store, from where services and bentos take it by its tag, `name:version`."""

import os
import shutil
from pathlib import Path
from types import ModuleType

from edge.cli import explaining_imports
from edge.errors import UsageError
from edge.model import read_spec
from export.triton import published_name

LONGEST_NAME = 63  # BentoML's own limit


def import_bentoml() -> ModuleType:
    """Return the bentoml module, which sends no usage statistics. Raises MissingExtraError, naming the extra."""
    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
    with explaining_imports("eyespot export --bento", "serving"):
        import bentoml
        import bentoml.models
    module: ModuleType = bentoml
    return module


def publish_to_bento(model: Path) -> tuple[str, Path, bool]:
    """Copy the artifact `model` into the store; return its tag, where it is, and whether it is new.

    Raises ModelError for the artifact, UsageError where the store holds something else under the same tag.
    """
    bentoml, spec = import_bentoml(), read_spec(model)
    tag = f"{published_name(spec.name).lower()[:LONGEST_NAME].rstrip('-._')}:{spec.version}"
    found = [stored for stored in bentoml.models.list() if str(stored.tag) == tag]
    if not found:
        with bentoml.models.create(tag, labels={"made-by": "eyespot"}, metadata={"labels": list(spec.labels)}) as new:
            shutil.copyfile(model, new.path_of("model.onnx"))
    path = Path(bentoml.models.get(tag).path_of("model.onnx"))
    if not path.is_file() or path.read_bytes() != model.read_bytes():
        raise UsageError(f"BentoML's store holds something else as {tag}; remove it: bentoml models delete -y {tag}")
    return tag, path, not found
