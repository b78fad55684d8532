"""Codes drawn with Pillow's own font and with OpenCV's letters, and where each glyph is."""

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from edge.result import Box


def code(text: str, gap: int = 8, size: int = 34, left: int = 12, height: int = 60) -> tuple[np.ndarray, list[Box]]:
    """RGB and the box of each glyph's ink; a `gap` below zero makes them overlap."""
    font = ImageFont.load_default(size)
    canvas = np.full((height, left * 2 + len(text) * (size + max(gap, 0)), 3), 255, np.uint8)
    boxes = []
    for character in text:
        tile = Image.new("L", (2 * size, height), 255)
        ImageDraw.Draw(tile).text((size // 2, 8), character, font=font, fill=0)
        levels = np.asarray(tile)
        rows, columns = np.flatnonzero((levels < 128).any(1)), np.flatnonzero((levels < 128).any(0))
        width = columns[-1] - columns[0] + 1
        part = canvas[:, left : left + width]
        part[:] = np.minimum(part, levels[:, columns[0] : columns[-1] + 1, None])
        boxes.append(Box(left, int(rows[0]), int(width), int(rows[-1] - rows[0]) + 1))
        left += int(width) + gap
    return canvas[:, : left + 12].copy(), boxes


def hershey(text: str, gap: int = 12) -> np.ndarray:
    canvas = np.full((80, 40 + len(text) * (30 + gap), 3), 255, np.uint8)
    for index, character in enumerate(text):
        cv2.putText(canvas, character, (15 + index * (30 + gap), 60), cv2.FONT_HERSHEY_SIMPLEX, 1.4, (0, 0, 0), 3)
    return canvas


def touching_one(rest: str, behind: str = "6") -> tuple[np.ndarray, list[Box]]:
    """RGB of four digits, the first a 1 whose stroke reaches 2 pixels into the one behind it; the boxes of these."""
    alone, others = hershey("1"), hershey(behind + rest)
    ends = [np.flatnonzero((picture[:, :, 0] < 128).any(axis=0)) for picture in (alone, others)]
    one = alone[:, : ends[0][-1] + 1]
    start = ends[1][0]
    canvas = np.full((80, one.shape[1] - 2 + others.shape[1] - start, 3), 255, np.uint8)
    canvas[:, : one.shape[1]] = one
    canvas[:, one.shape[1] - 2 :] = np.minimum(canvas[:, one.shape[1] - 2 :], others[:, start:])
    left = one.shape[1] - 2
    second = int(ends[1][np.flatnonzero(np.diff(ends[1]) > 1)[0]]) - start + 1
    return canvas, [Box(int(ends[0][0]), 0, len(ends[0]), 80), Box(left, 0, int(second), 80)]
