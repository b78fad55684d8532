"""The files of models: which ones a setting names, and whether they changed."""

from collections.abc import Sequence
from pathlib import Path

from edge.errors import UsageError
from serving.stored_model import locate_model


def find_models(names: Sequence[str]) -> list[Path]:
    """Return the files behind `names`: those named, and the .onnx files of folders in the order of their names.

    Raises UsageError for a folder that holds none.
    """
    paths: list[Path] = []
    for name in names:
        path = locate_model(name)
        if not path.is_dir():
            paths.append(path)
            continue
        found = sorted(p for p in path.glob("*.onnx") if not p.name.startswith("."))
        if not found:
            raise UsageError(f"{path}: the folder holds no .onnx file")
        paths += found
    return list(dict.fromkeys(paths))


def mark_of(path: Path) -> tuple[int, ...]:
    """Return what changes when the file does; nothing for one that is not there."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return ()
    return status.st_mtime_ns, status.st_size, status.st_ino
