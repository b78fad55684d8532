"""Make the pictures of the README and the documentation from what the commands print: `make pictures`."""

from pathlib import Path

import cv2
import numpy as np
import skimage
from PIL import Image

DATA = Path(skimage.__file__).parent / "data"
# The photographs that pieces are cut from, one for each class.
CLASSES = {"cat": "chelsea.png", "coffee": "coffee.png", "motorcycle": "motorcycle_left.png"}
PIECE_PX, PIECES = 60, 30


def make_photographs(folder: Path) -> None:
    """Write what the commands of the pages ask about, all of it out of scikit-image's photographs.

    `photos/LABEL/*.jpg` are 30 pieces each of three photographs, none of which overlap, and `more/LABEL/*.jpg` up to 30
    others. `cat.jpg`, `coffee.jpg` and `new.jpg` (the motorcycle from one step to the right) are whole. `video.avi` shows
    the first two for three seconds each.
    """
    for label, name in CLASSES.items():
        picture = Image.open(DATA / name).convert("RGB")
        corners = [
            (left, top)
            for top in range(0, picture.height - PIECE_PX + 1, PIECE_PX)
            for left in range(0, picture.width - PIECE_PX + 1, PIECE_PX)
        ]
        chosen = [corners[number * len(corners) // PIECES] for number in range(PIECES)]
        others = [corner for corner in corners if corner not in chosen]
        for part, pieces in (("photos", chosen), ("more", others[:PIECES])):
            (folder / part / label).mkdir(parents=True)
            for number, (left, top) in enumerate(pieces, 1):
                piece = picture.crop((left, top, left + PIECE_PX, top + PIECE_PX))
                piece.save(folder / part / label / f"{label}-{number:02}.jpg", quality=90)
    for source, name in (("chelsea", "cat"), ("coffee", "coffee"), ("motorcycle_right", "new")):
        Image.open(DATA / f"{source}.png").convert("RGB").save(folder / f"{name}.jpg", quality=92)
    video = cv2.VideoWriter(str(folder / "video.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (480, 320))
    for name in ("cat", "coffee"):
        picture = Image.open(folder / f"{name}.jpg").resize((540, 360))
        for frame in range(30):
            video.write(np.asarray(picture.crop((2 * frame, frame, 2 * frame + 480, frame + 320)))[..., ::-1].copy())
    video.release()
