"""The baked preprocessing against the libraries it imitates: how equal, and how fast.

Differences: every method on noise of random sizes, up and down, from one pixel to 700. Speed: resize and scale of
three sources to two targets, one thread each, interleaved. Goal: within 1.2 of the library (1.5 for 320x240).
Usage: python -m tests.benchmarks.preprocessing [REPETITIONS]
"""

import sys
import time
from collections.abc import Callable, Iterator

import cv2
import numpy as np
from PIL import Image

from edge.model import INPUT_NAME
from edge.runtime import create_session
from edge.steps import Method, Resize, Scale
from export.preprocess import build_preprocessing
from tests.benchmarks.measuring import at_least, at_most

OPENCV = {
    "area": cv2.INTER_AREA,
    "linear": cv2.INTER_LINEAR,
    "nearest": cv2.INTER_NEAREST,
}
PILLOW = {"antialias": Image.Resampling.BILINEAR, "antialias-cubic": Image.Resampling.BICUBIC}
METHODS: tuple[Method, ...] = ("area", "linear", "nearest", "antialias", "antialias-cubic")

SOURCES_PX = ((240, 320), (1080, 1920), (3000, 4000))
TARGETS_PX = (32, 224)
GOAL, SMALL_SOURCE_GOAL = 1.2, 1.5
# In the methods that average, one sum that is rounded the other way is one level.
EQUAL_GOAL = {"area": 99.9, "linear": 99.9, "nearest": 99.9}
FACTOR = np.float32(1 / 255)
RANDOM_SIZES = 200

Resizer = Callable[[np.ndarray, int, int], np.ndarray]


def peer(method: Method, lines_first: bool = False) -> Resizer:
    """The library's own resize of uint8 [H, W, 3].

    `lines_first` holds Pillow to the order of its forerunners; Pillow 13 takes columns first for some shapes.
    """
    if method in OPENCV:
        return lambda image, height, width: cv2.resize(image, (width, height), interpolation=OPENCV[method]).reshape(
            height, width, 3
        )

    def of_pillow(image: np.ndarray, height: int, width: int) -> np.ndarray:
        picture = Image.fromarray(image)
        if lines_first:
            picture = picture.resize((width, len(image)), PILLOW[method])
        return np.asarray(picture.resize((width, height), PILLOW[method]))

    return of_pillow


def random_sizes() -> Iterator[tuple[int, int, int, int]]:
    rng = np.random.default_rng(0)
    for i in range(RANDOM_SIZES):
        height, width, h, w = (int(side) for side in np.exp(rng.uniform(0, np.log([700, 700, 260, 260]))))
        side = (32, 224)[i % 2]
        yield (height, width, side, side) if i % 4 < 2 else (height, width, h, w)


def compare(method: Method) -> tuple[float, float]:
    """The largest difference in levels, and the share of values that are equal."""
    rng = np.random.default_rng(1)
    largest, equal, total = 0.0, 0, 0
    for height, width, h, w in random_sizes():
        image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        session = create_session(build_preprocessing((Resize(h, w, method),)).SerializeToString(), method, 1)
        difference = np.abs(
            session.run(None, {INPUT_NAME: image[None]})[0][0] - peer(method, lines_first=True)(image, h, w)
        )
        largest = max(largest, float(difference.max()))
        equal, total = equal + np.count_nonzero(difference == 0), total + difference.size
    return largest, equal / total


def time_turns(method: Method, image: np.ndarray, side: int, repetitions: int) -> np.ndarray:
    """Seconds of ours and the peer [repetitions, 2], in turn."""
    steps = (Resize(side, side, method), Scale(float(FACTOR)))
    session, resize = create_session(build_preprocessing(steps).SerializeToString(), method, 1), peer(method)
    calls = (
        lambda: session.run(None, {INPUT_NAME: image[None]}),
        lambda: resize(image, side, side).astype(np.float32) * FACTOR,
    )
    seconds = np.empty((repetitions + 1, 2))
    for row in seconds:
        for i, call in enumerate(calls):
            start = time.perf_counter()
            call()
            row[i] = time.perf_counter() - start
    return seconds[1:]


def main() -> None:
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 41
    cv2.setNumThreads(1)
    for method in METHODS:
        largest, equal = compare(method)
        at_most(f"{method}, largest difference on {RANDOM_SIZES} sizes", largest, 1, "levels")
        at_least(f"{method}, equal values", equal * 100, EQUAL_GOAL.get(method), "%")
    for method in METHODS:
        for height, width in SOURCES_PX:
            small = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
            image = cv2.resize(small, (width, height))
            for side in TARGETS_PX:
                seconds = time_turns(method, image, side, repetitions)
                ours, theirs = np.median(seconds, axis=0) * 1e3
                what = f"{method}, {width}x{height} to {side}"
                print(f"{what}: {ours:.2f} ms, the peer {theirs:.2f} ms")
                peer_name = "OpenCV" if method in OPENCV else "Pillow"
                goal = SMALL_SOURCE_GOAL if height == SOURCES_PX[0][0] else GOAL
                at_most(f"{what} / {peer_name}", (seconds[:, 0] / seconds[:, 1]).tolist(), goal)


if __name__ == "__main__":
    main()
