"""GIF (https://www.w3.org/Graphics/GIF/spec-gif89a.txt)."""

from typing import BinaryIO

from edge.formats.header import ImageHeader, unpack

EXTENSION, PICTURE = b"\x21", b"\x2c"


def read_gif(stream: BinaryIO) -> ImageHeader:
    """Read the screen's size, and walk the blocks to the second picture, if there is one."""
    stream.seek(6)
    width, height, packed = unpack(stream, "<HHB")
    stream.seek(13 + _colour_table_bytes(packed))
    pictures = 0
    while pictures < 2 and (block := stream.read(1)) in (EXTENSION, PICTURE):
        if block == PICTURE:
            pictures += 1
            stream.seek(8, 1)
            (packed,) = unpack(stream, "<B")
            stream.seek(_colour_table_bytes(packed), 1)
        stream.seek(1, 1)  # the extension's label, or the picture's code size
        while (length := stream.read(1)) not in (b"", b"\0"):
            stream.seek(length[0], 1)
    return ImageHeader("GIF", width, height, may_have_alpha=True, several=pictures > 1)


def _colour_table_bytes(packed: int) -> int:
    return 3 << ((packed & 7) + 1) if packed & 0x80 else 0
