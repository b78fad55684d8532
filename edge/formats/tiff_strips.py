"""The strips or tiles of a TIFF (revision 6.0, sections 3, 15 and 21), and whether each holds what the picture needs.

It exists because OpenCV lets libtiff go on after a strip that is damaged or ends early, and half a picture would
come out.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from edge.errors import ImageError
from edge.formats.deflate import inflated_bytes
from edge.formats.packbits import unpacked_bytes

# A picture of 50 megapixels has fewer in the smallest tiles there are, 16 x 16.
MOST_STRIPS = 1 << 18
PACKBITS = 32773
# FillOrder 2: the lowest bit of a byte comes first.
REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class Strip(NamedTuple):
    """Where a strip or tile begins in the file, its bytes there, and those that it must hold once unpacked."""

    place: int
    size: int
    needed: int


@dataclass(frozen=True)
class Layout:
    """How a picture is cut: into pieces of `rows` x `columns` pixels, those of one plane of channels after the other.

    Strips have as many columns as the picture, and the last one of a plane only the rows that are left; tiles are
    filled up. `channels` stand together, of `bits` each. Where colour is coarser than brightness, one of its pixels
    stands for as many columns and rows as `subsampling` says.
    """

    width: int
    height: int
    columns: int
    rows: int
    tiled: bool
    planes: int
    channels: int
    bits: int
    subsampling: tuple[int, int] | None = None

    @property
    def count(self) -> int:
        """How many pieces there are."""
        return self.planes * -(-self.width // self.columns) * -(-self.height // self.rows)

    def needed(self) -> Iterator[int]:
        """Yield the bytes that each piece must hold."""
        across = -(-self.width // self.columns)
        for _ in range(self.planes):
            for row in range(0, self.height, self.rows):
                rows = self.rows if self.tiled else min(self.rows, self.height - row)
                yield from [self._bytes(rows)] * across

    def _bytes(self, rows: int) -> int:
        if self.subsampling is None:
            return rows * -(-self.columns * self.channels * self.bits // 8)
        along, down = self.subsampling
        levels = -(-self.columns // along) * (along * down + 2)
        return -(-rows // down) * -(-levels * self.bits // 8)


@dataclass(frozen=True)
class Strips:
    """The pieces of a picture, packed by `compression`; `sizes` is None where the one strip ends with the file."""

    compression: int
    layout: Layout
    places: "array[int]"
    sizes: "array[int] | None"
    reversed_bits: bool

    def in_file(self, size_bytes: int) -> Iterator[Strip]:
        """Yield each piece of a file of `size_bytes`."""
        sizes = [size_bytes] if self.sizes is None else self.sizes
        for place, size, needed in zip(self.places, sizes, self.layout.needed(), strict=True):
            yield Strip(place, size, needed)


def require_whole(encoded: memoryview, strips: Strips, largest_bytes: int) -> None:
    """Raise ImageError if one of `strips` is damaged or too short, or all hold more than `largest_bytes`.

    Pieces may be one and the same, but not overlap: a small file could ask for hours of work.
    """
    if strips.layout.count > MOST_STRIPS:
        raise ImageError(
            "corrupt", f"the TIFF is cut into {strips.layout.count:,} pieces; {MOST_STRIPS:,} are the limit"
        )
    if strips.reversed_bits:
        encoded = memoryview(bytes(encoded).translate(REVERSED_BITS))
    packed_left, unpacked_left = len(encoded), largest_bytes
    seen: set[Strip] = set()
    for strip in strips.in_file(len(encoded)):
        if strip in seen:
            continue
        seen.add(strip)
        packed = encoded[strip.place : strip.place + min(strip.size, packed_left)]
        if strips.compression == PACKBITS:
            read, unpacked = unpacked_bytes(packed, strip.needed)
        else:
            read, unpacked = inflated_bytes(packed, unpacked_left)
        if unpacked < strip.needed:
            raise ImageError("corrupt", "its pixels are fewer than its header says")
        packed_left -= read
        unpacked_left -= unpacked
