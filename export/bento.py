"""Put an artifact into BentoML's model store, from where services and bentos take it by its tag.

The tag is `name:version` with the version of the artifact, a digest of its content, so the same content is
never stored twice. The whole spec travels in the file; what the store shows of it is for people.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from edge.cli import explaining_imports
from edge.errors import ModelError, ModelNotFoundError, UsageError
from edge.model import read_spec
from edge.spec import ModelSpec
from edge.steps import describe
from export.published_name import published_name

MODEL_FILE = "model.onnx"
LONGEST_TAG = 63  # BentoML's own limit


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

    Raises ModelError for the artifact, UsageError where the store holds a damaged model under the same tag.
    """
    bentoml = import_bentoml()
    spec = read_spec(model)
    tag = f"{published_name(spec.name).lower()[:LONGEST_TAG].rstrip('-._')}:{spec.version}"
    if (there := _find(bentoml, tag, spec)) is not None:
        return tag, there, False
    shown = msgspec.structs.replace(spec, self_test=None)
    described: dict[str, Any] = {"preprocessing": ", ".join(map(describe, spec.preprocessing))}
    try:
        with bentoml.models.create(
            tag,
            labels={"made-by": "eyespot", "classes": str(len(spec.labels))},
            metadata=described | {"spec": _without_none(msgspec.to_builtins(shown))},
        ) as stored:
            shutil.copyfile(model, stored.path_of(MODEL_FILE))
    except KeyboardInterrupt:
        # BentoML clears away what an error left, but not what an interruption did.
        with suppress(bentoml.exceptions.NotFound):
            bentoml.models.delete(tag)
        raise
    return tag, Path(bentoml.models.get(tag).path_of(MODEL_FILE)), True


def _find(bentoml: ModuleType, tag: str, spec: ModelSpec) -> Path | None:
    """Return where the store holds the same artifact already, if it does."""
    remedy = f"remove it with: bentoml models delete -y {tag}"
    try:
        there = Path(bentoml.models.get(tag).path_of(MODEL_FILE))
    except bentoml.exceptions.NotFound:
        return None
    except bentoml.exceptions.BentoMLException as error:
        raise UsageError(f"BentoML's store holds {tag}, but damaged ({error}); {remedy}") from None
    try:
        if read_spec(there) == spec:
            return there
    except (ModelError, ModelNotFoundError) as error:
        raise UsageError(f"BentoML's store holds {tag}, but damaged ({error}); {remedy}") from None
    raise UsageError(f"BentoML's store holds something else as {tag}; {remedy}")


def _without_none(value: Any) -> Any:
    """Return JSON without the keys that hold null, which BentoML's metadata cannot."""
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list) else value
