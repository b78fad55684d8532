"""Strict JSON for frozen dataclasses: no key is unknown, none is missing, every type is checked.

It exists because a spec travels to devices that are years older or newer than the machine that wrote it,
and a wrong value must be named there, not guessed around.

A dataclass becomes an object, a tuple an array. Where a field may hold one of several dataclasses, each of
them has a class attribute `kind`, which is written as the key "kind" and read back to choose the class.
"""

import dataclasses
import json
import math
import types
from functools import cache
from typing import Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

# Metadata of a field that is not written while it is None, and is None where it is not there: one that an older
# file, whose text is digested, cannot have.
LATER = {"later": True}


def encode(value: Any) -> Any:
    """Return `value`, made of dataclasses, tuples, dicts and scalars, as what `json.dumps` takes."""
    if dataclasses.is_dataclass(value):
        tag = {"kind": value.kind} if hasattr(value, "kind") else {}
        present = (f for f in dataclasses.fields(value) if not (_is_later(f) and getattr(value, f.name) is None))
        return tag | {f.name: encode(getattr(value, f.name)) for f in present}
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    if isinstance(value, dict):
        return {key: encode(item) for key, item in value.items()}
    return value


def decode(expected: type[T], value: Any, where: str) -> T:
    """Return `value`, as `json.loads` gives it, as an instance of the dataclass `expected`.

    `where` names the value in messages. Raises ValueError for an unknown or missing key, a value of the
    wrong type or a number that is not finite, and whatever the dataclass itself refuses.
    """
    result: T = _decode(expected, value, where)
    return result


def encode_line(value: Any) -> bytes:
    """Return `value`, as `encode` takes it, as one line of JSON, all ASCII."""
    return json.dumps(encode(value)).encode("ascii") + b"\n"


def decode_line(expected: type[T], line: bytes, where: str) -> T:
    """Return what `decode` makes of the JSON in `line`. Raises ValueError for what is none, or nested too deep, too."""
    try:
        value = json.loads(line)
    except RecursionError:
        raise ValueError(f"{where} is nested too deep") from None
    return decode(expected, value, where)


def _decode(expected: Any, value: Any, where: str) -> Any:
    origin, arguments = get_origin(expected), get_args(expected)
    if dataclasses.is_dataclass(expected):
        return _decode_dataclass(expected, value, where)
    if origin in (Union, types.UnionType):
        return _decode_union(arguments, value, where)
    if origin is tuple:
        items = _checked(list, value, where)
        return tuple(_decode(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(items))
    if origin is dict:
        entries = _checked(dict, value, where)
        return {key: _decode(arguments[1], item, f"{where}.{key}") for key, item in entries.items()}
    if origin is Literal:
        if value not in arguments:
            raise ValueError(f"{where} must be one of {', '.join(map(repr, arguments))}. Received: {value!r}")
        return value
    return _checked(expected, value, where)


def _checked(expected: type, value: Any, where: str) -> Any:
    accepted = (int, float) if expected is float else (expected,)
    wrong = not isinstance(value, accepted) or (isinstance(value, bool) and expected is not bool)
    if wrong:
        raise ValueError(f"{where} must be of type {expected.__name__}. Received: {value!r:.80}")
    if expected is not float:
        return value
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{where} must be a finite number. Received: {value!r:.80}")
    return number


def _decode_union(options: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in options:
        return None
    options = tuple(option for option in options if option is not type(None))
    if len(options) == 1:
        return _decode(options[0], value, where)
    by_kind = {option.kind: option for option in options}
    entries = dict(_checked(dict, value, where))
    kind = entries.pop("kind", None)
    if not isinstance(kind, str) or kind not in by_kind:
        raise ValueError(f"{where}.kind must be one of {', '.join(by_kind)}. Received: {kind!r}")
    return _decode_dataclass(by_kind[kind], entries, where, tagged=True)


def _decode_dataclass(expected: Any, value: Any, where: str, tagged: bool = False) -> Any:
    entries = dict(_checked(dict, value, where))
    if hasattr(expected, "kind") and not tagged and entries.pop("kind", None) != expected.kind:
        raise ValueError(f"{where}.kind must be {expected.kind!r}. Received: {value.get('kind')!r}")
    hints = _fields_of(expected)
    if unknown := sorted(entries.keys() - hints.keys()):
        raise ValueError(f"{where} has the unknown key {unknown[0]!r}; known are {', '.join(hints)}")
    later = {field.name for field in dataclasses.fields(expected) if _is_later(field)}
    if missing := sorted(hints.keys() - entries.keys() - later):
        raise ValueError(f"{where} lacks the key {missing[0]!r}")
    return expected(**{name: _decode(hints[name], value, f"{where}.{name}") for name, value in entries.items()})


def _is_later(field: "dataclasses.Field[Any]") -> bool:
    return "later" in field.metadata


@cache
def _fields_of(expected: Any) -> dict[str, Any]:
    """Return the fields of a dataclass with their types; to find them takes longer than to read a value."""
    return {name: hint for name, hint in get_type_hints(expected).items() if get_origin(hint) is not ClassVar}
