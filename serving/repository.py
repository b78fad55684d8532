"""The models that are served: several names, versions beside each other, replaced while requests go on."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.errors import EyespotError, ModelError, ModelNotFoundError, UsageError
from serving.cores import threads_per_worker
from serving.engine import Engine
from serving.pool import Pool
from serving.problems import RequestError
from serving.settings import Settings
from serving.stored_model import locate_model

log = logging.getLogger("eyespot.models")


@dataclass(frozen=True)
class Served:
    """One model file that is served; `mark` changes when the file does."""

    path: Path
    mark: tuple[int, ...]
    engine: Engine


class Repository:
    """All models of a worker. The first one is the default; of several versions the first one counts."""

    def __init__(self, settings: Settings, provider: str) -> None:
        """Load every model that `settings` name, in their order. Raises what loading raises, and UsageError."""
        self._settings = settings
        self._provider = provider
        self._threads = threads_per_worker(settings.workers, settings.threads)
        self._pool = Pool(self._threads)
        self._refused: dict[Path, tuple[int, ...]] = {}
        self._served = tuple(self._load(path) for path in find_models(settings.models))
        _check_apart(self._served)

    @property
    def engines(self) -> tuple[Engine, ...]:
        """The engines, in the order of their files."""
        return tuple(served.engine for served in self._served)

    def find(self, name: str | None = None, version: str | None = None) -> Engine:
        """Return the engine for a name and a version, or the first that fits. Raises RequestError 404."""
        for engine in self.engines:
            if name in (None, engine.spec.name) and version in (None, engine.spec.version):
                return engine
        asked = f"model {name!r}" + (f" of version {version!r}" if version else "")
        raise RequestError(404, "unknown_model", f"there is no {asked[:200]}; GET /v1/models lists those there are")

    def versions(self, name: str) -> list[Engine]:
        """Return the engines of one name. Raises RequestError 404 if there are none."""
        self.find(name)
        return [engine for engine in self.engines if engine.spec.name == name]

    def refresh(self, again: bool = False) -> tuple[list[str], list[str]]:
        """Look at the files again; return the names of those that are new now, and why others were refused.

        A file that was refused is tried once more only when it changes, or if `again`.

        It takes as long as loading does, so it belongs on a thread of its own. A file that is gone or bad leaves
        the model as it was. Requests that began with an old model are answered by it.
        """
        fresh: list[str] = []
        refused: list[str] = []
        if again:
            self._refused.clear()
        before = {served.path: served for served in self._served}
        after = []
        for path in self._paths_now():
            old = before.get(path)
            try:
                mark = _mark(path)
                unchanged = old is not None and old.mark == mark
                known_bad = self._refused.get(path) == mark
                served = old if unchanged or known_bad else self._load(path)
                fresh += [] if unchanged or known_bad else [str(path)]
            except EyespotError as error:
                self._refused[path] = mark
                refused.append(str(error))
                served = old
            after += [served] if served else []
        return fresh, refused + self._swap(tuple(after), fresh)

    def close(self) -> None:
        """End all threads once what was submitted is answered."""
        for engine in self.engines:
            engine.close()
        self._pool.close()

    def _paths_now(self) -> list[Path]:
        try:
            found = find_models(self._settings.models)
        except EyespotError:  # all files of a folder are gone, or the folder
            return [served.path for served in self._served]
        return found

    def _swap(self, after: tuple[Served, ...], fresh: list[str]) -> list[str]:
        try:
            _check_apart(after)
        except UsageError as error:
            fresh.clear()
            for served in after:
                if served not in self._served:
                    self._refused[served.path] = served.mark
                    served.engine.close()
            return [str(error)]
        gone = [served for served in self._served if served not in after]
        self._served = after
        for served in gone:
            served.engine.close()
        return []

    def _load(self, path: Path) -> Served:
        mark = _mark(path)
        settings = self._settings
        engine = Engine(
            read_model(path),
            str(path),
            self._pool,
            max_pixels=settings.max_pixels,
            provider=self._provider,
            threads=self._threads,
            max_batch=settings.max_batch,
            max_wait_s=settings.max_wait_ms / 1000,
            drift_window=settings.drift_window,
        )
        return Served(path, mark, engine)


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


def _mark(path: Path) -> tuple[int, ...]:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return ()
    return status.st_mtime_ns, status.st_size, status.st_ino


def _check_apart(served: Sequence[Served]) -> None:
    seen: dict[tuple[str, str | None], Path] = {}
    for one in served:
        key = one.engine.spec.name, one.engine.spec.version
        if key in seen:
            raise UsageError(f"{seen[key]} and {one.path} hold the same model, {key[0]} {key[1]}; name one of them")
        seen[key] = one.path
