"""Load a model as `eyespot tune` found it best here; where nothing is remembered it is for the caller to load it."""

from pathlib import Path
from typing import Any

from edge.artifact import read_spec
from edge.classifier import Classifier
from edge.errors import ModelError, ModelNotFoundError
from edge.spec import ModelSpec
from edge.tune.network import identity, refusal
from edge.tune.record import Say, Setting, recall


def load_tuned(model: Path, say: Say, *, many: bool, **options: Any) -> tuple[Classifier, Path] | None:
    """Return the classifier to take for the file `model`, and the file that it is in; None where nothing is remembered.

    `say` is told where another file stands in, and where that is gone or has changed. `options` go to
    `Classifier.load`, and what it raises for `model` itself is raised.
    """
    spec = read_spec(model)
    setting = recall(spec, say, many=many)
    if setting is None:
        return None
    if setting.version == spec.version:  # wherever it lies now
        return Classifier.load(model, setting.threads, spinning=setting.spinning, many=many, **options), model
    path = Path(setting.path)
    try:
        classifier = Classifier.load(path, setting.threads, spinning=setting.spinning, many=many, **options)
        reason = _changed(classifier.spec, spec, setting)
    except ModelNotFoundError:
        reason = "is gone"
    except ModelError as error:
        reason = f"cannot be used any more ({error})"
    if reason:
        say(f"{path}, which 'eyespot tune' found best for {model}, {reason}; {model} is taken itself; tune again")
        return None
    say(f"{path} stands in for {model}, as 'eyespot tune' found best here (--untuned takes {model} itself)")
    return classifier, path


def _changed(found: ModelSpec, named: ModelSpec, setting: Setting) -> str | None:
    if found.version != setting.version or identity(found) != identity(named):
        return "has changed"
    return refusal(found)
