"""`Order`: what a run was told that decides what its rows say; an interrupted run is resumed by the same order only."""

import json
from dataclasses import dataclass, fields
from pathlib import Path

from edge.atomic_file import replacing
from edge.errors import UsageError
from edge.spec import Faces, Glyphs
from edge.strict_json import decode, encode


@dataclass(frozen=True)
class Order:
    r"""Model, sources and options. `begun_s` is when the run was first started, in seconds since 1970.

    `regions` are those that are looked for, whoever said so; `face_model` is the SHA-256 of the file, in hexadecimal.

    Names that are no text stand with escapes (`\udc80` to `\udcff`) for their bytes, as everywhere.
    """

    model: str
    version: str
    sources: tuple[str, ...]
    column: str
    null: bool
    top: int
    max_pixels: int
    fast_decode: bool
    min_probability: float
    regions: Faces | Glyphs | None
    face_model: str | None
    begun_s: float

    def write(self, path: Path) -> None:
        """Write the order to `path`, whole or not at all."""
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(encode(self), indent=2) + "\n", encoding="ascii")


def order_path(output: Path) -> Path:
    """Return where the order of the run for `output` stands until all rows are there."""
    return output.with_name(output.name + ".run")


def read_order(path: Path) -> Order:
    """Return the order at `path`. Raises UsageError for a file that holds none."""
    try:
        return decode(Order, json.loads(path.read_bytes()), "the order")
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: it does not say what the run was told ({error}); --overwrite starts anew") from None


def require_same(before: Order, now: Order, output: Path) -> None:
    """Raise UsageError, naming the first difference, unless `now` would give the same rows as `before`."""
    if (before.model, before.version) != (now.model, now.version):
        raise UsageError(
            f"{output}: the rows so far are of the model {before.model} {before.version}, "
            f"this one is {now.model} {now.version}; take the former model (--untuned takes the file that "
            "is named), or --overwrite to start anew"
        )
    for field in fields(Order):
        was, is_now = getattr(before, field.name), getattr(now, field.name)
        if was != is_now and field.name != "begun_s":
            raise UsageError(
                f"{output}: the rows so far were made with {field.name.replace('_', ' ')} {_shown(was)}, "
                f"not {_shown(is_now)}; repeat the former command, or --overwrite to start anew"
            )


def _shown(value: object) -> str:
    if isinstance(value, Faces | Glyphs):
        return value.kind if isinstance(value, Faces) else f"{value.kind}:{value.count}"
    if isinstance(value, tuple):
        return ascii(" ".join(value))
    return "none" if value is None else str(value)
