"""Find the file behind what names a model: a path, or a tag of BentoML's model store."""

import re
from pathlib import Path

from edge.errors import ModelNotFoundError

# name:version, as BentoML has them; the version may be `latest`.
TAG = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}:[a-z0-9][a-z0-9._-]{0,62}")
MODEL_FILE = "model.onnx"


def locate_model(model: str) -> Path:
    """Return the path that `model` is, or leads to as a tag of what `eyespot export --bento` stored.

    A file of that name wins over a tag. Raises ModelNotFoundError for a tag that the store does not know.
    """
    path = Path(model)
    if not TAG.fullmatch(model) or path.exists():
        return path
    import bentoml
    from bentoml.exceptions import BentoMLException

    try:
        return Path(bentoml.models.get(model).path_of(MODEL_FILE))
    except BentoMLException as error:
        raise ModelNotFoundError(f"{model}: there is no such file, and BentoML has no such model ({error})") from None
