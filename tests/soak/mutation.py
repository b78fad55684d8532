"""Corrupt files, made of good ones by chance: the same seed makes the same files."""

import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.edge.pictures import WITH_LATER_PICTURES, encode, image, noise, tiff, whole_files

# Numbers at which readers of headers go wrong, in two and four bytes.
EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
HEADER_BYTES = 64
UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Mutant:
    """A corrupt file, of which good one and by which mutation it was made."""

    kind: str
    mutation: str
    content: bytes

    @property
    def name(self) -> str:
        return f"{self.kind} {self.mutation}"


def good_files() -> dict[str, bytes]:
    """Return a whole file of every format and kind that is read, small ones and some of many blocks."""
    large = {
        "large-jpeg": encode(image(240, 320, 3), "JPEG"),
        "large-jpeg-progressive": encode(image(240, 320, 3), "JPEG", progressive=True),
        "large-png": encode(image(240, 320, 3), "PNG"),
        "large-webp": encode(image(240, 320, 3), "WEBP"),
        "large-tiff": tiff(noise(240, 320, 3), compression="zlib", rowsperstrip=1),
    }
    return whole_files() | WITH_LATER_PICTURES | large


def flip_bits(whole: bytes, chance: random.Random) -> bytes:
    changed = bytearray(whole)
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def change_header(whole: bytes, chance: random.Random) -> bytes:
    """Write an extreme number over one of the header's, in either order of bytes."""
    layout = chance.choice(("<H", ">H", "<I", ">I"))
    size = struct.calcsize(layout)
    at = chance.randrange(2, max(3, min(HEADER_BYTES, len(whole) - size)))
    number = struct.pack(layout, chance.choice(EXTREMES) & (256**size - 1))
    return whole[:at] + number + whole[at + size :]


def move_pieces(whole: bytes, chance: random.Random) -> bytes:
    """Let two neighbouring pieces change places, or leave one out, or repeat it."""
    first, middle, last = sorted(chance.sample(range(2, len(whole) + 1), 3))
    pieces = chance.choice(((middle, last, first, middle), (middle, last), (first, middle, first, last)))
    inner = b"".join(whole[start:end] for start, end in zip(pieces[::2], pieces[1::2], strict=True))
    return whole[:first] + inner + whole[last:]


MUTATIONS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "cut short": lambda whole, chance: whole[: int(len(whole) * chance.uniform(0.02, 0.98))],
    "bits flipped": flip_bits,
    "header changed": change_header,
    "garbage appended": lambda whole, chance: whole + chance.choice((chance.randbytes(3000), whole, bytes(1000))),
    "pieces moved": move_pieces,
}


def mutants(of_each: int, chance: random.Random) -> Iterator[Mutant]:
    """Yield every good file as it is, which must be read, and so many corrupt ones of it, the mutations in turn."""
    for kind, whole in good_files().items():
        yield Mutant(kind, UNCHANGED, whole)
        for i in range(of_each):
            name = list(MUTATIONS)[i % len(MUTATIONS)]
            yield Mutant(kind, name, MUTATIONS[name](whole, chance))
