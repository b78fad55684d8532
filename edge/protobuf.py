"""Take apart and put together messages of protobuf in memory, as far as an .onnx file needs it.

It exists because a device has no protobuf package. A message is a flat run of tagged fields
(https://protobuf.dev/programming-guides/encoding/); of those that are not asked for, only the length is read.
"""

from collections.abc import Iterator

# Wire types.
VARINT = 0
LENGTH_DELIMITED = 2
FIXED_BYTES = {1: 8, 5: 4}
VARINT_BYTES = 10  # at most
# What `read_tag` looks at.
TAG_BYTES = 2 * VARINT_BYTES


class Message:
    """The fields of one message. Raises ValueError where its bytes are no message."""

    def __init__(self, content: memoryview) -> None:
        self._content = content
        self._fields = list(_walk(content))

    def all(self, number: int) -> list[memoryview]:
        """Return what every field `number` holds that has a length: messages, texts or bytes."""
        found = [
            (payload, end)
            for field, wire, _, payload, end in self._fields
            if (field, wire) == (number, LENGTH_DELIMITED)
        ]
        return [self._content[payload:end] for payload, end in found]

    def only(self, number: int) -> memoryview:
        """Return the one field `number`. Raises ValueError if there is none, or another."""
        found = self.all(number)
        if len(found) != 1:
            raise ValueError(f"{len(found)} fields {number} where there must be one")
        return found[0]

    def texts(self, number: int) -> list[str]:
        """Return the texts in every field `number`."""
        return [bytes(text).decode() for text in self.all(number)]

    def without(self, *numbers: int) -> list[memoryview]:
        """Return all other fields, each with its tag, as they stand."""
        return [self._content[start:end] for field, _, start, _, end in self._fields if field not in numbers]


def message(number: int, content: bytes | memoryview) -> bytes:
    """Return field `number` with a message, a text or bytes in it."""
    return b"".join((_varint(number << 3 | LENGTH_DELIMITED), _varint(len(content)), content))


def integer(number: int, value: int) -> bytes:
    """Return field `number` with a whole number, 0 or more, in it."""
    return _varint(number << 3 | VARINT) + _varint(value)


def read_tag(content: bytes | memoryview, place: int) -> tuple[int, int, int, int]:
    """Return number and wire type of the field at `place`, where what it is about begins, and the length of that.

    Raises EOFError where `content` ends before that is known, ValueError where it is no field.
    """
    tag, payload = _read_varint(content, place)
    number, wire = tag >> 3, tag & 7
    if number == 0 or wire not in (VARINT, LENGTH_DELIMITED, *FIXED_BYTES):
        raise ValueError(f"no field {number} of wire type {wire}")
    if wire == LENGTH_DELIMITED:
        length, payload = _read_varint(content, payload)
    elif wire == VARINT:
        length = _read_varint(content, payload)[1] - payload
    else:
        length = FIXED_BYTES[wire]
    return number, wire, payload, length


def _walk(content: memoryview) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield number, wire type, and the places of the tag, of what it is about and of its end."""
    start = 0
    while start < len(content):
        try:
            number, wire, payload, length = read_tag(content, start)
        except EOFError as error:
            raise ValueError(str(error)) from None
        if (end := payload + length) > len(content):
            raise ValueError(f"{end - len(content):,} bytes are missing")
        yield number, wire, start, payload, end
        start = end


def _read_varint(content: bytes | memoryview, place: int) -> tuple[int, int]:
    value = 0
    for i in range(VARINT_BYTES):
        if place + i >= len(content):
            raise EOFError("a number does not end")
        byte = content[place + i]
        value |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            return value, place + i + 1
    raise ValueError("a number is longer than any")


def _varint(value: int) -> bytes:
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
