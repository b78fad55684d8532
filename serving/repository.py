"""The models that are served: several names, versions beside each other, replaced while requests go on."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any

from edge.errors import EyespotError, UsageError
from edge.model import read_model
from serving.cores import threads_per_worker
from serving.engine import Engine
from serving.model_files import find_models, mark_of
from serving.pool import Pool
from serving.problems import RequestError
from serving.providers import CPU
from serving.settings import Settings
from serving.variants import Shelf, VariantFile

log = logging.getLogger("eyespot.models")


@dataclass(frozen=True)
class Served:
    """One model file that is served; `mark` changes when the file does. `variants` were beside it when last looked."""

    path: Path
    mark: tuple[int, ...]
    engine: Engine
    variants: tuple[VariantFile, ...]


class Repository:
    """All models of a worker. The first one is the default; of several versions the first one counts."""

    def __init__(self, settings: Settings, provider: str) -> None:
        """Load every model that `settings` name, in their order. Raises what loading raises, and UsageError."""
        self._settings = settings
        self._provider = provider
        self._threads = threads_per_worker(settings.workers, settings.threads)
        self._pool = Pool(self._threads)
        self._refused: dict[Path, tuple[int, ...]] = {}
        self._shelf = Shelf()
        self._served = tuple(self._load(path) for path in self._find_models())
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

        A file that was refused is tried once more only when it changes, or if `again`. A bad file leaves the model
        as it was, and so does one that was named and is gone; one that is gone from a folder takes its model along.
        Requests that began with an old model are answered by it.

        It takes as long as loading does, so it belongs on a thread of its own.
        """
        if again:
            self._refused.clear()
        running = {served.path: served for served in self._served}
        after: list[Served] = []
        fresh: list[str] = []
        refused: list[str] = []
        for path in self._paths_now():
            old = running.get(path) or self._replaced_by(path)
            try:
                served = self._current(path, old)
                fresh += [str(path)] if served and not (old and old.engine is served.engine) else []
            except (EyespotError, OSError) as error:
                refused.append(str(error))
                served = old
            after += [served] if served else []
        return fresh, refused + self._swap(tuple(after), fresh)

    def close(self, within_s: float | None = None) -> None:
        """End all threads once what was submitted is answered; those that take longer end with the process."""
        deadline = monotonic() + within_s if within_s is not None else None
        for end in (*(engine.close for engine in self.engines), self._pool.close):
            end(None if deadline is None else max(0.0, deadline - monotonic()))

    def variants(self, engine: Engine) -> list[dict[str, Any]]:
        """Return the files of the network that `engine` runs: which are served, and which of them is this one."""
        versions = {other.spec.version for other in self.engines}
        served = next((one for one in self._served if one.engine is engine), None)
        return [
            {
                "file": found.file,
                "kind": found.kind,
                "version": found.version,
                "served": found.version in versions,
                "runs": found.version == engine.spec.version,
            }
            for found in (served.variants if served else ())
        ]

    def _replaced_by(self, path: Path) -> Served | None:
        """Return the served file whose network `path` is to run now in another form: a bad one leaves it as it is."""
        names = {variant.file for variant in self._shelf.beside(path)}
        served = (one for one in self._served if one.path.parent == path.parent and one.path.name in names)
        return next(served, None) if self._provider != CPU else None

    def _current(self, path: Path, old: Served | None) -> Served | None:
        """Return what `path` holds now, which is `old` for a file that is as it was, or as it was refused."""
        mark = mark_of(path)
        if (old is not None and old.mark == mark) or self._refused.get(path) == mark:
            return self._look_again(old)
        try:
            return self._load(path)
        except (EyespotError, OSError):
            self._refused[path] = mark
            raise

    def _look_again(self, old: Served | None) -> Served | None:
        """Return what is served already, with the variants that are beside it now."""
        if old is None:
            return None
        try:
            found = self._shelf.beside(old.path)
        except OSError:  # a folder that cannot be listed now
            return old
        return old if found == old.variants else replace(old, variants=found)

    def _find_models(self) -> list[Path]:
        paths = find_models(self._settings.models)
        return self._shelf.choose(paths, self._provider) if self._settings.use_fp16 else paths

    def _paths_now(self) -> list[Path]:
        try:
            found = self._find_models()
        except (EyespotError, OSError):  # all files of a folder are gone, or the folder, or the disk
            return [served.path for served in self._served]
        return found

    def _swap(self, after: tuple[Served, ...], fresh: list[str]) -> list[str]:
        try:
            _check_apart(after)
        except UsageError as error:
            fresh.clear()
            running = {id(served.engine) for served in self._served}
            for served in after:
                if id(served.engine) not in running:
                    self._refused[served.path] = served.mark
                    served.engine.close()
            return [str(error)]
        kept = {id(served.engine) for served in after}
        gone = [served.engine for served in self._served if id(served.engine) not in kept]
        self._served = after
        for engine in gone:
            engine.close()
        return []

    def _load(self, path: Path) -> Served:
        mark = mark_of(path)
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
        return Served(path, mark, engine, self._shelf.beside(path))


def _check_apart(served: Sequence[Served]) -> None:
    seen: dict[tuple[str, str | None], Path] = {}
    for one in served:
        key = one.engine.spec.name, one.engine.spec.version
        if key in seen:
            raise UsageError(f"{seen[key]} and {one.path} hold the same model, {key[0]} {key[1]}; name one of them")
        seen[key] = one.path
