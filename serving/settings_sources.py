"""Where settings come from: flags before the environment, that before a TOML file, that before the defaults."""

import argparse
import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, get_type_hints

from edge.cli import unknown_name
from edge.errors import UsageError
from serving.settings import PREFIX, Settings, variable

CONFIG_VARIABLE = f"{PREFIX}CONFIG"
# Those of other rooms, which may stand in the same environment.
FOREIGN_VARIABLES = frozenset({f"{PREFIX}CACHE"})
FIELDS = {setting.name: setting for setting in fields(Settings)}
TYPES = get_type_hints(Settings)
# More digits than any limit has; without it, a text of thousands would have to be converted first.
LONGEST_NUMBER = 18
WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def add_setting_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare a flag for every setting that is neither a secret nor given as an argument."""
    parser.allow_abbrev = False  # or --api-keys would be --api-keys-file, and a key on a command line
    for setting in FIELDS.values():
        if setting.metadata["secret"] or setting.name == "models":
            continue
        kind, shown = TYPES[setting.name], setting.default
        options: dict[str, Any] = {"action": argparse.BooleanOptionalAction}
        if kind == tuple[str, ...]:
            options, shown = {"action": "append", "metavar": "TEXT"}, "none"
        elif kind is not bool:
            options = {"type": _parser_of(kind), "metavar": kind.__name__.upper()}
        text = f"{setting.metadata['help']} (default {shown if shown != '' else 'none'})".replace("%", "%%")
        parser.add_argument(f"--{setting.name.replace('_', '-')}", default=None, help=text, **options)
    parser.add_argument("--config", metavar="FILE", help="a TOML file of settings, by the names --print-config shows")
    parser.add_argument("--print-config", action="store_true", help="show the settings in effect, as TOML, and end")


def gather_settings(arguments: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings that flags, environment and file together give. Raises UsageError."""
    file = arguments.config or environment.get(CONFIG_VARIABLE)
    flags = {name: getattr(arguments, name, None) for name in FIELDS}
    given = {name: tuple(v) if isinstance(v, list) else v for name, v in flags.items() if v not in (None, [])}
    # Made once, of all: what goes together may come from different places.
    return Settings(**((_from_file(Path(file)) if file else {}) | _from_environment(environment) | given))


def settings_of_worker(environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of the environment, and of the file that it may name. Raises UsageError."""
    settings = gather_settings(argparse.Namespace(config=None), environment)
    if not settings.models:
        raise UsageError(f"{PREFIX}MODELS must name an .onnx file written by 'eyespot export'")
    return settings


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    known = {variable(setting): setting for setting in FIELDS.values()}
    values = {}
    for name, text in environment.items():
        if not name.startswith(PREFIX) or name in FOREIGN_VARIABLES or name == CONFIG_VARIABLE:
            continue
        if name not in known:
            raise UsageError(unknown_name("setting", name, list(known)))
        values[known[name].name] = _parsed(known[name], text, name)
    return values


def _from_file(path: Path) -> dict[str, Any]:
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: the settings cannot be read ({error.strerror})") from None
    except ValueError as error:  # of the text or of its encoding
        raise UsageError(f"{path}: this is not TOML ({error})") from None
    values = {}
    for name, value in found.items():
        if name not in FIELDS:
            raise UsageError(f"{path}: {unknown_name('setting', name, list(FIELDS))}")
        values[name] = _typed(FIELDS[name], value, f"{path}: {name}")
    return values


def _typed(setting: "Field[Any]", value: Any, where: str) -> Any:
    kind = TYPES[setting.name]
    if kind == tuple[str, ...] and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    if kind is float and type(value) is int:
        return float(value)
    if kind is type(value):
        return value
    raise UsageError(f"{where} must be {_described(kind)}. Received: {value!r:.60}")


def _parsed(setting: "Field[Any]", text: str, where: str) -> Any:
    kind = TYPES[setting.name]
    try:
        return _parser_of(kind)(text)
    except ValueError:
        received = "a secret" if setting.metadata["secret"] else repr(text[:40])
        raise UsageError(f"{where} must be {_described(kind)}. Received: {received}") from None


def _described(kind: Any) -> str:
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
    return names.get(kind, "a list of texts")


def _parser_of(kind: Any) -> Any:
    return {int: whole_number, float: float, bool: _word, str: str}.get(kind, _texts)


def whole_number(text: str) -> int:
    """Return the number that `text` says in the digits 0 to 9. Raises ValueError for anything else."""
    if not (text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER):
        raise ValueError(text[:LONGEST_NUMBER])
    return int(text)


def _word(text: str) -> bool:
    if text.lower() not in WORDS:
        raise ValueError(text)
    return WORDS[text.lower()]


def _texts(text: str) -> tuple[str, ...]:
    if not text.startswith("["):
        return tuple(item.strip() for item in text.split(",") if item.strip())
    found = json.loads(text)
    if not all(isinstance(item, str) for item in found):
        raise ValueError(text)
    return tuple(found)
