"""The files of models: which ones a setting names, what they hold, and whether they changed."""

from collections.abc import Sequence
from pathlib import Path

from edge.errors import ModelError, ModelNotFoundError, UsageError
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


def read_model(path: Path) -> bytes:
    """Return the bytes of a model file. Raises ModelNotFoundError, or ModelError where it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ModelNotFoundError(f"{path}: there is no such model file") from None
    except OSError as error:
        raise ModelError(f"{path}: the model cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise ModelNotFoundError(f"{str(path)!r}: no file can have this name ({error})") from None


def mark_of(path: Path) -> tuple[int, ...]:
    """Return what changes when the file does; nothing for one that is not there."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return ()
    return status.st_mtime_ns, status.st_size, status.st_ino
