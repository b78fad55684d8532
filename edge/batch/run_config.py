"""`RunConfig`: what decides what the rows of a run say; an interrupted run is resumed with the same one only."""

import json
from pathlib import Path

import msgspec

from edge.errors import UsageError
from edge.files import replacing
from edge.spec import Faces, Glyphs

RUN_FORMAT = 2


class RunConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Model, sources and options; `started_s` is when the run was first started, in seconds since 1970.

    `regions` are those that are looked for, whoever said so; `face_model` is the SHA-256 of the file, in hexadecimal.
    """

    model: str
    version: str
    sources: tuple[str, ...]
    column: str
    null: bool
    top_k: int
    max_pixels: int
    fast_decode: bool
    min_probability: float
    regions: Faces | Glyphs | None
    face_model: str | None
    started_s: float
    format: int = RUN_FORMAT

    def write(self, path: Path) -> None:
        """Write it to `path`, whole or not at all."""
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(msgspec.to_builtins(self), indent=2) + "\n", encoding="ascii")

    def require_same(self, path: Path) -> float:
        """Return `started_s` of the config at `path`. Raises UsageError unless it gives the same rows as this one."""
        try:
            fields = json.loads(path.read_bytes())
            if fields.get("format") != RUN_FORMAT:
                raise ValueError("another version of eyespot wrote it")
            before = msgspec.convert(fields, RunConfig)
        except (ValueError, AttributeError, RecursionError) as error:
            raise UsageError(f"{path}: no run can be resumed from it ({error}); --overwrite starts anew") from None
        for name in RunConfig.__struct_fields__:
            was, is_now = getattr(before, name), getattr(self, name)
            if was != is_now and name != "started_s":
                remedy = "repeat the former command, or --overwrite to start anew"
                raise UsageError(f"{path}: the rows so far are made with {name} {was!a}, not {is_now!a}; {remedy}")
        return before.started_s
