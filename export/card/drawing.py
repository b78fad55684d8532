"""Draw a stage of preprocessing as a PNG that stands inside the page."""

import cv2
import numpy as np
from numpy.typing import NDArray

from export.card.markup import text
from export.card.stages import Stage
from export.writer import encode_png

# Larger pictures are made smaller to be shown, or a photograph would make a page of many megabytes.
LARGEST_SIDE_PX = 512
# Smaller ones are shown in larger pixels, so that something is to be seen of them.
SHOWN_SIDE_PX = 200


def draw_stage(stage: Stage, number: int) -> str:
    """Return the stage as a figure; its pixels are those of the graph, stretched from `lowest` and `highest`."""
    height, width, channels = stage.values.shape
    shown = _shrink(as_levels(stage))
    factor = max(1, SHOWN_SIDE_PX // max(shown.shape[:2]))
    size = f"{height}x{width} pixels, {channels} channel{'s' if channels > 1 else ''}"
    values = f"values {stage.values.min():.3g} to {stage.values.max():.3g}"
    notes = [size + (", channels first" if stage.channels_first else ""), values]
    if shown.shape[:2] != (height, width):
        notes.append(f"shown at {shown.shape[0]}x{shown.shape[1]}")
    title = f"{number}. {stage.title}" if number else stage.title
    alternative = f"The sample picture after step {number}, {stage.title}" if number else "The sample picture"
    return (
        f'<li><figure><img src="data:image/png;base64,{encode_png(shown)}" alt="{text(alternative)}: {size}, {values}" '
        f'width="{shown.shape[1] * factor}" height="{shown.shape[0] * factor}"{" class=pixels" if factor > 1 else ""}>'
        f"<figcaption><strong>{text(title)}</strong>{''.join(f'<span>{text(note)}</span>' for note in notes)}"
        "</figcaption></figure></li>"
    )


def as_levels(stage: Stage) -> NDArray[np.uint8]:
    """Return the stage as uint8 RGB [h, w, 3]: what black has become is black, what white has become is white."""
    span = stage.highest - stage.lowest or 1.0
    levels = np.clip(np.rint((stage.values.astype(np.float64) - stage.lowest) / span * 255), 0, 255)
    return np.broadcast_to(levels, (*levels.shape[:2], 3)).astype(np.uint8)


def _shrink(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = levels.shape[:2]
    scale = LARGEST_SIDE_PX / max(height, width)
    if scale >= 1:
        return levels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(levels, size, interpolation=cv2.INTER_AREA), np.uint8)
