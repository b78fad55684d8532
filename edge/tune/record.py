"""What is remembered of a network on a processor: a small file in the cache folder, written whole or not at all."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge.atomic_file import replacing
from edge.cache import cache_folder
from edge.cores import usable_cores
from edge.errors import UsageError
from edge.processor import read_cpu
from edge.spec import ModelSpec
from edge.strict_json import decode, encode
from edge.tune.network import identity

RECORD_FORMAT = 1
FOLDER = "tuned"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Setting:
    """The file that was best, by its absolute path and version, how to run it, and its median in milliseconds."""

    path: str
    version: str
    threads: int
    spinning: bool
    median_ms: float

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise ValueError(f"threads must be at least 1. Received: {self.threads}")


@dataclass(frozen=True)
class Record:
    """The best for one image at a time, and for many at once on one thread each.

    `network` is what `edge.tune.network.identity` gives. `versions` are those of all files that were measured: what
    is remembered holds for them alone.
    """

    format: int
    network: str
    processor: str
    cores: int
    versions: tuple[str, ...]
    one: Setting
    many: Setting

    def __post_init__(self) -> None:
        if self.format != RECORD_FORMAT:
            raise ValueError(f"format must be {RECORD_FORMAT}. Received: {self.format}")


def record_path(network: str) -> Path:
    """Return where the record of a network on this processor stands, or would. Raises UsageError without a home."""
    device = hashlib.sha256(f"{read_cpu()[0]} {usable_cores()}".encode()).hexdigest()
    return cache_folder() / FOLDER / f"{network[:32]}-{device[:8]}.json"


def remember(record: Record) -> Path:
    """Write the record and return where it is. Raises OSError where it cannot be written."""
    path = record_path(record.network)
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(encode(record), indent=2) + "\n", encoding="ascii")
    return path


def forget(network: str) -> bool:
    """Remove the record of a network on this processor, and say whether there was one."""
    try:
        record_path(network).unlink()
    except FileNotFoundError:
        return False
    return True


def find_record(network: str, say: Say) -> Record | None:
    """Return the record of a network on this processor, None for none; one that is broken is named by `say`."""
    try:
        path = record_path(network)
    except UsageError:  # without a home there was no place to remember anything
        return None
    try:
        record = decode(Record, json.loads(path.read_bytes()), "the record")
        if (record.network, record.processor, record.cores) != (network, read_cpu()[0], usable_cores()):
            raise ValueError("it is of another model or processor")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        say(f"{path}: what 'eyespot tune' remembered cannot be used ({error}); tune again, or remove the file")
        return None
    return record


def recall(spec: ModelSpec, say: Say, *, many: bool) -> Setting | None:
    """Return the setting that is remembered for a model, for `many` images at once or for one; None for none."""
    record = find_record(identity(spec), say)
    if record is None or spec.version not in record.versions:
        return None
    return record.many if many else record.one
