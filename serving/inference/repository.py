"""The models that are served: several names, versions beside each other, replaced while requests go on."""

import logging
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from time import monotonic

import msgspec

from edge.errors import EyespotError, ModelNotFoundError, UsageError
from edge.model import read_model, read_spec
from edge.runtime import usable_cores
from edge.spec import ModelSpec
from serving.auth import file_signature
from serving.errors import RequestError
from serving.inference.engine import Engine, MemoryBudget
from serving.settings import Settings

log = logging.getLogger("eyespot.models")

# name:version, as BentoML writes them; the version may be `latest`.
TAG = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}:[a-z0-9][a-z0-9._-]{0,62}")
MODEL_FILE = "model.onnx"


@dataclass(frozen=True)
class ServedFile:
    """One model file that is served; `signature` changes when the file does."""

    path: Path
    signature: tuple[object, ...]
    engine: Engine


class Repository:
    """All models of a worker. The first one is the default; of several versions of a name the first one counts."""

    def __init__(self, settings: Settings, provider: str) -> None:
        """Load every model that `settings` name, in their order. Raises what loading raises, and UsageError."""
        self._settings = settings
        self._provider = provider
        self._threads = settings.threads or max(1, usable_cores() // settings.workers)
        self._pool = ThreadPoolExecutor(self._threads, "eyespot-worker")
        self._memory = MemoryBudget(settings.max_memory_bytes // 2)
        self._refused: dict[Path, tuple[object, ...]] = {}
        self._served = tuple(self._load(path) for path in find_models(settings.models))
        _check_distinct(self._served)

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
        """Return the engines of one name."""
        return [engine for engine in self.engines if engine.spec.name == name]

    def refresh(self, again: bool = False) -> tuple[list[str], list[str]]:
        """Look at the files again; return the paths of those that were loaded, and why others were refused.

        A refused file is tried once more only when it changes, or if `again`. A bad file leaves the model as it was,
        and so does one that was named and is gone; one that is gone from a folder takes its model along. Requests
        that began with an old model are answered by it. This takes as long as loading: call it on a thread.
        """
        if again:
            self._refused.clear()
        running = {served.path: served for served in self._served}
        after: list[ServedFile] = []
        fresh: list[str] = []
        refused: list[str] = []
        for path in self._paths_now():
            served = running.get(path)
            source, signature = self._source(path)
            unchanged = (served is not None and served.signature == signature) or self._refused.get(path) == signature
            if not unchanged:
                try:
                    served = self._load(path)
                    fresh.append(str(source))
                except (EyespotError, OSError) as error:
                    self._refused[path] = signature
                    refused.append(str(error))
            after += [served] if served else []
        try:
            _check_distinct(after)
        except UsageError as error:
            for served in after:
                if served not in self._served:
                    self._refused[served.path] = served.signature
                    served.engine.close()
            return [], [*refused, str(error)]
        gone = [served for served in self._served if served not in after]
        self._served = tuple(after)
        for served in gone:
            served.engine.close()
        return fresh, refused

    def close(self, within_s: float | None = None) -> None:
        """End all threads once what was submitted is answered; what takes longer ends with the process."""
        deadline = monotonic() + within_s if within_s is not None else None
        for engine in self.engines:
            engine.close(None if deadline is None else max(0.0, deadline - monotonic()))
        self._pool.shutdown(wait=deadline is None, cancel_futures=deadline is not None)

    def _paths_now(self) -> list[Path]:
        try:
            return find_models(self._settings.models)
        except (EyespotError, OSError):  # all files of a folder are gone, or the folder, or the disk
            return [served.path for served in self._served]

    def _source(self, path: Path) -> tuple[Path, tuple[object, ...]]:
        """Return the file that runs for `path`, with what changes when another one does, or its content."""
        source = _fp16_of(path) if self._settings.use_fp16 and self._provider != "cpu" else path
        return source, (source, *file_signature(source))

    def _load(self, path: Path) -> ServedFile:
        source, signature = self._source(path)
        if source != path:
            log.info("use_fp16: %s runs in place of %s", source, path)
        engine = Engine(
            read_model(source),
            str(source),
            self._pool,
            self._memory,
            self._settings,
            provider=self._provider,
            threads=self._threads,
        )
        return ServedFile(path, signature, engine)


def find_models(names: Sequence[str]) -> list[Path]:
    """Return the files behind `names`: files, the .onnx files of folders by name, and stored models.

    Raises UsageError for a folder without .onnx files, ModelNotFoundError for an unknown tag.
    """
    paths: list[Path] = []
    for path in map(locate_model, names):
        found = _onnx_files(path) if path.is_dir() else [path]
        if not found:
            raise UsageError(f"{path}: the folder holds no .onnx file")
        paths += found
    return list(dict.fromkeys(paths))


def locate_model(model: str) -> Path:
    """Return the path that `model` is, or leads to as a tag of BentoML's model store; a file of that name wins.

    Raises ModelNotFoundError for an unknown tag.
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


def _check_distinct(served: Sequence[ServedFile]) -> None:
    seen: dict[tuple[str, str | None], Path] = {}
    for one in served:
        key = one.engine.spec.name, one.engine.spec.version
        if key in seen:
            raise UsageError(f"{seen[key]} and {one.path} hold the same model, {key[0]} {key[1]}; name one of them")
        seen[key] = one.path


def _onnx_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.onnx") if not path.name.startswith("."))


def _fp16_of(path: Path) -> Path:
    """Return the fp16 file beside a float32 model that holds the network of the same training, or the model itself."""
    own = _read_spec(path, file_signature(path))
    if own is None or own.variant or not own.training:
        return path
    for file in _onnx_files(path.parent):
        spec = _read_spec(file, file_signature(file))
        if spec and spec.variant and spec.variant.kind == "fp16" and _shared_part(spec) == _shared_part(own):
            return file
    return path


def _shared_part(spec: ModelSpec) -> ModelSpec:
    """Return the part of a spec that all variants of one network share."""
    return msgspec.structs.replace(spec, version=None, parity=None, self_test=None, variant=None)


@lru_cache(maxsize=256)
def _read_spec(path: Path, _signature: tuple[int, ...]) -> ModelSpec | None:
    """Return the spec of a file, None for one that has none; its signature makes a changed file another entry."""
    try:
        return read_spec(path)
    except EyespotError:
        return None
