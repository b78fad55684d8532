"""What may be written comes back as it was; what may not is named with its path."""

import json
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import pytest

from edge.strict_json import LATER, decode, decode_line, encode, encode_line


@dataclass(frozen=True)
class Circle:
    kind: ClassVar[str] = "circle"
    radius: float

    def __post_init__(self) -> None:
        if self.radius <= 0:
            raise ValueError("radius must be positive")


@dataclass(frozen=True)
class Square:
    kind: ClassVar[str] = "square"
    side: int


@dataclass(frozen=True)
class Drawing:
    title: str
    shapes: tuple[Circle | Square, ...]
    frame: Circle | Square | None
    first: Square | None
    colours: dict[str, int]
    finish: Literal["matt", "glossy"]
    signed: bool


DRAWING = Drawing("day", (Circle(1.5), Square(2)), None, Square(3), {"red": 1}, "matt", True)
# Written by hand from the rules in the module's docstring.
AS_JSON: dict[str, Any] = {
    "title": "day",
    "shapes": [{"kind": "circle", "radius": 1.5}, {"kind": "square", "side": 2}],
    "frame": None,
    "first": {"kind": "square", "side": 3},
    "colours": {"red": 1},
    "finish": "matt",
    "signed": True,
}


def refusal(value: Any) -> str:
    with pytest.raises(ValueError, match=r"\Adrawing") as caught:
        decode(Drawing, value, "drawing")
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_dataclass_is_written_as_the_docstring_says() -> None:
    assert encode(DRAWING) == AS_JSON


def test_what_is_written_is_read_as_it_was() -> None:
    assert decode(Drawing, json.loads(json.dumps(encode(DRAWING))), "drawing") == DRAWING


@dataclass(frozen=True)
class Note:
    text: str
    by: str | None = field(default=None, metadata=LATER)


def test_a_field_of_later_stands_in_the_text_only_where_it_has_a_value() -> None:
    assert encode(Note("a")) == {"text": "a"}
    assert decode(Note, {"text": "a"}, "note") == Note("a")
    assert encode(Note("a", "me")) == {"text": "a", "by": "me"}
    assert decode(Note, {"text": "a", "by": "me"}, "note") == Note("a", "me")
    with pytest.raises(ValueError, match=r"note\.by must be of type str"):
        decode(Note, {"text": "a", "by": 3}, "note")


def test_a_line_holds_one_value_and_nothing_but_ascii() -> None:
    note = Note("gr\u00fcn\nblau", "\udcff")
    line = encode_line(note)
    assert line == b'{"text": "gr\\u00fcn\\nblau", "by": "\\udcff"}\n'
    assert decode_line(Note, line, "note") == note


@pytest.mark.parametrize("line", [b"", b"{", b"\xff\n", b'{"text": 3}\n', b"[" * 100_000, b'{"text":' * 100_000])
def test_a_line_of_anything_else_is_a_value_error(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_line(Note, line, "note")


def test_a_whole_number_is_good_for_a_float_and_becomes_one() -> None:
    read = decode(Circle, {"kind": "circle", "radius": 2}, "circle")
    assert read.radius == 2.0
    assert isinstance(read.radius, float)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("title", 7, "drawing.title must be of type str. Received: 7"),
        ("title", None, "drawing.title must be of type str. Received: None"),
        ("signed", 1, "drawing.signed must be of type bool. Received: 1"),
        ("colours", [], "drawing.colours must be of type dict. Received: []"),
        ("colours", {"red": "1"}, "drawing.colours.red must be of type int. Received: '1'"),
        ("colours", {"red": True}, "drawing.colours.red must be of type int. Received: True"),
        ("colours", {"red": 1.0}, "drawing.colours.red must be of type int. Received: 1.0"),
        ("shapes", {}, "drawing.shapes must be of type list. Received: {}"),
        ("shapes", [{"kind": "square", "side": "2"}], "drawing.shapes[0].side must be of type int. Received: '2'"),
        ("finish", "rough", "drawing.finish must be one of 'matt', 'glossy'. Received: 'rough'"),
        ("finish", ["matt"], "drawing.finish must be one of 'matt', 'glossy'. Received: ['matt']"),
        ("frame", "circle", "drawing.frame must be of type dict. Received: 'circle'"),
    ],
)
def test_a_value_of_the_wrong_type_is_named_with_its_path(key: str, value: Any, message: str) -> None:
    assert refusal(AS_JSON | {key: value}) == message


@pytest.mark.parametrize("radius", [True, "1", None, [1]], ids=str)
def test_only_a_number_is_a_float(radius: object) -> None:
    message = f"drawing.frame.radius must be of type float. Received: {radius!r}"
    assert refusal(AS_JSON | {"frame": {"kind": "circle", "radius": radius}}) == message


@pytest.mark.parametrize("radius", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400])
def test_a_number_that_is_not_finite_is_refused(radius: str) -> None:
    value = json.loads(f'{{"kind": "circle", "radius": {radius}}}')
    assert refusal(AS_JSON | {"frame": value}).startswith("drawing.frame.radius must be a finite number. Received: ")


def test_a_number_that_is_no_float_is_shown_in_short() -> None:
    value = {"kind": "circle", "radius": "x" * 10_000}
    assert len(refusal(AS_JSON | {"frame": value})) < 200


@pytest.mark.parametrize("key", sorted(AS_JSON))
def test_a_missing_key_is_named(key: str) -> None:
    assert refusal({k: v for k, v in AS_JSON.items() if k != key}) == f"drawing lacks the key {key!r}"


def test_an_unknown_key_is_named_with_those_that_are_known() -> None:
    known = "title, shapes, frame, first, colours, finish, signed"
    assert refusal(AS_JSON | {"depth": 1}) == f"drawing has the unknown key 'depth'; known are {known}"
    message = refusal(AS_JSON | {"frame": {"kind": "square", "side": 1, "colour": 2}})
    assert message == "drawing.frame has the unknown key 'colour'; known are side"


@pytest.mark.parametrize("kind", ["oval", "", None, 1, [], {}], ids=repr)
def test_a_kind_that_is_not_known_is_named_with_those_that_are(kind: object) -> None:
    message = f"drawing.frame.kind must be one of circle, square. Received: {kind!r}"
    assert refusal(AS_JSON | {"frame": {"kind": kind, "side": 1}}) == message


def test_a_missing_kind_is_refused() -> None:
    assert refusal(AS_JSON | {"frame": {"side": 1}}).startswith("drawing.frame.kind must be one of circle, square.")


@pytest.mark.parametrize("kind", ["circle", None, [], {}], ids=repr)
def test_a_kind_stands_even_where_only_one_is_possible(kind: object) -> None:
    message = f"drawing.first.kind must be 'square'. Received: {kind!r}"
    assert refusal(AS_JSON | {"first": {"kind": kind, "side": 1}}) == message


def test_a_rule_of_the_dataclass_is_kept() -> None:
    with pytest.raises(ValueError, match="radius must be positive"):
        decode(Drawing, AS_JSON | {"frame": {"kind": "circle", "radius": 0}}, "drawing")


@pytest.mark.parametrize("value", [None, 1, "day", [], [AS_JSON]], ids=["null", "number", "text", "empty", "list"])
def test_what_is_no_object_is_refused(value: object) -> None:
    assert refusal(value).startswith("drawing must be of type dict. Received: ")
