"""The files beside a model that hold the same network: in float32, in eight bits, in sixteen.

It exists because a GPU should run sixteen bits where somebody has made and measured such a file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge.errors import EyespotError
from edge.model import read_spec
from edge.spec import ModelSpec
from serving.model_files import mark_of
from serving.providers import CPU

FLOAT32, FP16 = "float32", "fp16"


@dataclass(frozen=True)
class VariantFile:
    """One of the files: its name, `float32`, `int8` or `fp16`, and its version."""

    file: str
    kind: str
    version: str | None


class Shelf:
    """Knows what stands beside a model. A file is read again only when it changes."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[tuple[int, ...], ModelSpec | None]] = {}

    def beside(self, path: Path) -> tuple[VariantFile, ...]:
        """Return the files of the folder that hold the network of `path`, itself included, in order of their names."""
        found = ((other, spec) for other in _siblings(path) if (spec := self._same(path, other)))
        return tuple(VariantFile(other.name, precision(spec), spec.version) for other, spec in found)

    def choose(self, paths: Sequence[Path], provider: str) -> list[Path]:
        """Return `paths`, on a GPU with the fp16 file in place of the float32 file that it was made from."""
        if provider == CPU:
            return list(paths)
        return list(dict.fromkeys(self._preferred(path) for path in paths))

    def _preferred(self, path: Path) -> Path:
        own = self._spec(path)
        if own is None or precision(own) != FLOAT32:
            return path
        halves = (file for file in self.beside(path) if file.kind == FP16)
        return next((path.parent / half.file for half in halves), path)

    def _same(self, path: Path, other: Path) -> ModelSpec | None:
        """Return the spec of `other` if it holds the network of `path`."""
        own, spec = self._spec(path), self._spec(other)
        # Nothing shows of a network that no training of ours made that another file holds it too.
        same = own and spec and (path == other or (own.training and shared_part(own) == shared_part(spec)))
        return spec if same else None

    def _spec(self, path: Path) -> ModelSpec | None:
        try:
            mark = mark_of(path)
            known = self._known.get(path)
            if known is None or known[0] != mark:
                self._known[path] = (mark, None)
                self._known[path] = (mark, read_spec(path))
        except EyespotError:  # whoever loads it will say what is wrong
            return None
        return self._known[path][1]


def _siblings(path: Path) -> list[Path]:
    return sorted({path, *(p for p in path.parent.glob("*.onnx") if not p.name.startswith("."))})


def precision(spec: ModelSpec) -> str:
    """Return what the network's numbers are: `float32`, `int8` or `fp16`."""
    return spec.variant.kind if spec.variant else FLOAT32


def shared_part(spec: ModelSpec) -> ModelSpec:
    """Return the part of a spec that all variants of one network share."""
    return msgspec.structs.replace(spec, version=None, parity=None, self_test=None, variant=None)
