"""Any bytes are pixels or an ImageError, within two seconds: by Hypothesis, which shrinks what it finds."""

import hypothesis.strategies as st
import numpy as np

from edge.errors import ImageError
from edge.image import MAGIC, REFUSED_MAGIC, decode_image
from tests.edge.pictures import encode, image, orientation_tag
from tests.soak.fuzzing import fuzz
from tests.soak.mutation import good_files
from tests.soak.outcome import Effort, Outcome

MAX_PIXELS = 1_000_000
LIMIT_MS = 2_000
UPRIGHT = image(3, 2, 3)

WHOLE = st.sampled_from(list(good_files().values()))
EDIT = st.tuples(st.floats(0, 1), st.integers(0, 40), st.binary(max_size=40))


def edited(whole: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    """Put other bytes in the place of some; each edit says where (0 is the start, 1 the end), how many, and which."""
    for share, length, new in edits:
        at = int(share**3 * len(whole))  # mostly near the start, where the structure is
        whole = whole[:at] + new + whole[at + length :]
    return whole


def with_other_bytes(whole: bytes, changes: list[tuple[float, int]]) -> bytes:
    """Change single bytes anywhere: mostly in the pixels, which many a format reads whatever they are."""
    changed = bytearray(whole)
    for share, value in changes:
        changed[int(share * (len(whole) - 1))] = value
    return bytes(changed)


BOXES = [b"\0\0\0\x1cftypavif", b"\0\0\0\x18ftypheic", b"RIFF\xff\0\0\0WEBPVP8X"]
STARTS = st.sampled_from([*MAGIC, *REFUSED_MAGIC, *BOXES, b""])
# Files that are nearly good, and noise behind each of the beginnings by which a format is known.
CHANGES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=3)
IMAGES = st.one_of(
    st.builds(with_other_bytes, WHOLE, CHANGES),
    st.builds(edited, WHOLE, st.lists(EDIT, min_size=1, max_size=6)),
    st.builds(bytes.__add__, STARTS, st.binary(max_size=200)),
)
BLOCK = st.integers(2, 8).map(lambda orientation: orientation_tag(orientation).tobytes())
EXIF = st.one_of(
    st.builds(with_other_bytes, BLOCK, CHANGES),
    st.builds(edited, BLOCK, st.lists(EDIT, max_size=2)),
    st.builds(bytes.__add__, st.sampled_from([b"II*\0", b"MM\0*", b""]), st.binary()),
)


def run(effort: Effort) -> Outcome:
    images, seen = fuzz(effort, IMAGES, decode, "decoded", LIMIT_MS, share=4.0)
    print(f"images: {dict(seen.most_common())}")
    blocks, orientations = fuzz(effort, EXIF, orient, "turned", 100)
    print(f"EXIF: {dict(orientations.most_common())}")
    return Outcome(images.cases + blocks.cases, images.failures + blocks.failures)


def decode(content: bytes) -> str:
    try:
        pixels = decode_image(content, MAX_PIXELS).pixels
    except ImageError as error:
        if "\n" in str(error):
            raise AssertionError(f"more than one line: {error}") from None
        return error.code
    if pixels.dtype != np.uint8 or pixels.shape[2:] != (3,) or not 0 < pixels.size <= 3 * MAX_PIXELS:
        raise AssertionError(f"pixels of {pixels.dtype} {pixels.shape}")
    return "decoded"


def orient(block: bytes) -> str:
    """Decode a picture, higher than wide, whose EXIF this block is; damage inside it is no damage of the picture."""
    height, width, _ = decode_image(encode(UPRIGHT, "PNG", exif=block)).pixels.shape
    if sorted((height, width)) != [2, 3]:
        raise AssertionError(f"{width} x {height} pixels")
    return "turned" if height < width else "upright"
